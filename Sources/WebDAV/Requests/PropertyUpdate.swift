/// What a PROPPATCH changes, in order (RFC 4918 sections 9.2 and 14.19).
package struct PropertyUpdate: Hashable, Sendable {
    package enum Change: Hashable, Sendable {
        case set(DeadProperty)
        case remove(XMLName)

        package var name: XMLName {
            switch self {
            case .set(let property): property.name
            case .remove(let name): name
            }
        }
    }

    package var changes: [Change]

    package init(changes: [Change]) { self.changes = changes }

    /// - Parameters:
    ///   - body: all of it.
    ///   - charset: of its Content-Type.
    package init(body: [UInt8], charset: ArraySlice<UInt8>? = nil) throws(DAVFault) {
        let document = try DAVBody.read(body, charset: charset, root: "propertyupdate")
        changes = []
        // What is set is kept in memory as often as it is said, so all of it is bounded.
        var byteCount = 0
        for step in document.children(of: document.root) {
            let isSet = document.isDAV(step, "set")
            guard isSet || document.isDAV(step, "remove") else { continue }
            for property in document.children(of: step) where document.isDAV(property, "prop") {
                for element in document.children(of: property) {
                    let name = document.name(element)
                    guard changes.count < WebDAVLimits.propertyChangesMax else {
                        throw DAVFault(
                            .contentTooLarge,
                            "More than \(WebDAVLimits.propertyChangesMax) properties are changed.")
                    }
                    guard isSet else {
                        changes.append(.remove(name))
                        continue
                    }
                    let rest = WebDAVLimits.propertiesByteCountMax - byteCount
                    guard let xml = document.fragment(of: element, byteCountMax: rest) else {
                        throw DAVFault(
                            .contentTooLarge,
                            "More than \(WebDAVLimits.propertiesByteCountMax) bytes of properties.")
                    }
                    byteCount += xml.count
                    changes.append(.set(DeadProperty(name: name, xml: xml)))
                }
            }
        }
        guard !changes.isEmpty else {
            throw DAVFault(.badRequest, "The propertyupdate element changes nothing.")
        }
    }

    /// What becomes of a resource's properties: all of the changes or none.
    package enum Outcome: Hashable, Sendable {
        case changed([DeadProperty])
        case refused([PropertyResult])
    }

    /// - Parameter properties: those that the resource has.
    package func applied(to properties: [DeadProperty]) -> Outcome {
        if let refused = refused(.forbidden, where: { LiveProperty($0.name)?.isProtected ?? false })
        {
            return .refused(refused)
        }
        var result = properties
        for change in changes {
            let index = result.firstIndex { $0.name == change.name }
            switch change {
            case .set(let property):
                if let index { result[index] = property } else { result.append(property) }
            // Removing what is not there is no error (RFC 4918 section 14.23).
            case .remove: if let index { result.remove(at: index) }
            }
        }
        let byteCount = result.reduce(0) { $0 + $1.byteCount }
        if result.count > WebDAVLimits.propertiesMax
            || byteCount > WebDAVLimits.propertiesByteCountMax
        {
            let isSet: (Change) -> Bool = { if case .set = $0 { true } else { false } }
            if let refused = refused(.insufficientStorage, where: isSet) {
                return .refused(refused)
            }
        }
        return .changed(result)
    }

    /// The answer where all was done, or where the store did none of it.
    package func results(_ status: DAVStatus) -> [PropertyResult] {
        names.isEmpty ? [] : [PropertyResult(status: status, names: names)]
    }

    /// Those where `isCulprit` fail with `status` and the others because of them; nil where none is.
    private func refused(
        _ status: DAVStatus, where isCulprit: (Change) -> Bool
    ) -> [PropertyResult]? {
        let culprits = Set(changes.filter(isCulprit).map(\.name))
        guard !culprits.isEmpty else { return nil }
        let condition: DAVCondition? =
            status == .forbidden ? .cannotModifyProtectedProperty : nil
        var results = [
            PropertyResult(
                status: status, names: names.filter(culprits.contains), condition: condition)
        ]
        let others = names.filter { !culprits.contains($0) }
        if !others.isEmpty {
            results.append(PropertyResult(status: .failedDependency, names: others))
        }
        return results
    }

    /// Each once, in the order in which they came first.
    private var names: [XMLName] {
        var seen: Set<XMLName> = []
        return changes.map(\.name).filter { seen.insert($0).inserted }
    }
}

/// What became of some properties: a `DAV:propstat` (RFC 4918 section 14.22).
package struct PropertyResult: Hashable, Sendable {
    package var status: DAVStatus
    package var names: [XMLName]
    package var condition: DAVCondition?

    package init(status: DAVStatus, names: [XMLName], condition: DAVCondition? = nil) {
        self.status = status
        self.names = names
        self.condition = condition
    }
}
