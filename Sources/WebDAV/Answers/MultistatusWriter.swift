/// A `DAV:multistatus` (RFC 4918 section 13), written response by response: whoever sends it takes
/// what is there and goes on, so that it needs no more memory than one response however many there
/// are.
package struct MultistatusWriter: Sendable {
    /// What was written and not taken.
    package private(set) var bytes: [UInt8]
    private let now: UInt64
    private var dates = DateText()
    /// Of the properties that are asked for besides the live ones, which the resource has.
    private var found: [Bool] = []

    /// - Parameter now: milliseconds since 1970, by which locks have time left.
    package init(now: UInt64, capacity: Int = 64 << 10) {
        self.now = now
        bytes = []
        bytes.reserveCapacity(capacity)
    }

    /// What was written since the last time. The room for it is not kept.
    package mutating func take() -> [UInt8] {
        let taken = bytes
        bytes = []
        bytes.reserveCapacity(taken.count)
        return taken
    }

    package mutating func begin() {
        bytes += XMLProlog.bytes
        bytes += "<D:multistatus xmlns:D=\"DAV:\">".utf8
    }

    package mutating func end() { bytes += "\n</D:multistatus>\n".utf8 }

    // MARK: Responses

    /// What a PROPFIND tells of a resource (section 9.1).
    package mutating func response(_ resource: DAVResource, _ plan: PropfindPlan) {
        bytes += MultistatusWriter.responseStart
        bytes += resource.href
        bytes += MultistatusWriter.hrefEnd
        let start = bytes.count
        bytes += MultistatusWriter.statStart
        let first = bytes.count
        var missing: [LiveProperty] = []
        for property in plan.live {
            if !resource.has(property) {
                // Set by a client, it comes with the dead ones.
                if property != .displayName, plan.says(isMissing: property) {
                    missing.append(property)
                }
            } else if plan.isOfNames {
                bytes += PropertyText.emptyLive[property] ?? []
            } else {
                PropertyText.append(
                    property, of: resource, now: now, &dates, to: &bytes)
            }
        }
        let hasOthersMissing = deadProperties(of: resource, plan)
        if bytes.count == first, !missing.isEmpty || hasOthersMissing {
            bytes.removeLast(first - start)
        } else {
            bytes += MultistatusWriter.statEndOK
        }
        if !missing.isEmpty || hasOthersMissing {
            bytes += MultistatusWriter.statStart
            for property in missing { bytes += PropertyText.emptyLive[property] ?? [] }
            if hasOthersMissing {
                for (index, other) in plan.others.enumerated() where !found[index] {
                    bytes += other
                }
            }
            bytes += MultistatusWriter.statEndNotFound
        }
        bytes += MultistatusWriter.responseEnd
    }

    /// - Returns: whether some are asked for that the resource does not have; `found` says which.
    private mutating func deadProperties(of resource: DAVResource, _ plan: PropfindPlan) -> Bool {
        if resource.properties.isEmpty, plan.others.isEmpty { return false }
        found.removeAll(keepingCapacity: true)
        for _ in plan.others { found.append(false) }
        var missing = plan.others.count
        for property in resource.properties {
            let position = plan.positions[property.name]
            guard plan.hasAllDead || position != nil else { continue }
            if plan.isOfNames {
                PropertyText.appendEmpty(property.name, to: &bytes)
            } else {
                bytes += property.xml
            }
            if let position, position >= 0, !found[position] {
                found[position] = true
                missing -= 1
            }
        }
        return missing > 0
    }

    /// What became of properties: the answer to a PROPPATCH (section 9.2.1).
    package mutating func response(href: [UInt8], _ results: [PropertyResult]) {
        bytes += MultistatusWriter.responseStart
        bytes += href
        bytes += MultistatusWriter.hrefEnd
        for result in results {
            bytes += MultistatusWriter.statStart
            for name in result.names { PropertyText.appendEmpty(name, to: &bytes) }
            bytes += "</D:prop>".utf8
            appendStatus(result.status)
            if let condition = result.condition { ErrorBody.append(condition, to: &bytes) }
            bytes += "</D:propstat>".utf8
        }
        bytes += MultistatusWriter.responseEnd
    }

    /// What became of one resource of several, of a DELETE, COPY, MOVE or LOCK (section 9.6.1).
    package mutating func response(
        href: [UInt8], _ status: DAVStatus, condition: DAVCondition? = nil
    ) {
        bytes += MultistatusWriter.responseStart
        bytes += href
        bytes += MultistatusWriter.hrefEnd
        appendStatus(status)
        if let condition { ErrorBody.append(condition, to: &bytes) }
        bytes += MultistatusWriter.responseEnd
    }

    private mutating func appendStatus(_ status: DAVStatus) {
        bytes += "<D:status>HTTP/1.1 \(status.rawValue) \(status.reason)</D:status>".utf8
    }

    // Made once, since a listing has them some thousand times.
    private static let responseStart = [UInt8]("\n<D:response><D:href>".utf8)
    private static let hrefEnd = [UInt8]("</D:href>".utf8)
    private static let statStart = [UInt8]("<D:propstat><D:prop>".utf8)
    private static let statEndOK = [UInt8](
        "</D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat>".utf8)
    private static let statEndNotFound = [UInt8](
        "</D:prop><D:status>HTTP/1.1 404 Not Found</D:status></D:propstat>".utf8)
    private static let responseEnd = [UInt8]("</D:response>".utf8)
}

extension MultistatusWriter {
    /// All of the answer where locks of members are in the way of `href`: 423 for each, and 424 for
    /// the resource itself where the request is about it alone (sections 9.6.1 and 9.10.6).
    package mutating func members(
        locked locks: [ActiveLock], _ condition: ([[UInt8]]) -> DAVCondition,
        dependent href: [UInt8]?
    ) {
        begin()
        for lock in locks { response(href: lock.href, .locked, condition: condition([lock.href])) }
        if let href { response(href: href, .failedDependency) }
        end()
    }
}
