extension XMLReader {
    /// A name with at most one colon, neither first nor last (Namespaces in XML 1.0, section 4).
    mutating func name() throws(XMLFault) -> XMLDocument.QualifiedName {
        let start = index
        var prefix = start..<start
        var first = start
        while let byte = next {
            if byte == 0x3A {
                guard prefix.isEmpty, index > first else { throw fault(.badName) }
                prefix = start..<index
                index += 1
                first = index
                continue
            }
            let (code, byteCount) =
                byte < 0x80
                ? (UInt32(byte), 1) : XMLCharacters.scalar(document.source, at: index)
            let isFine =
                index == first ? XMLCharacters.startsName(code) : XMLCharacters.isInName(code)
            guard isFine else { break }
            index += byteCount
            guard index - start <= limits.nameByteCountMax else { throw fault(.nameTooLong) }
        }
        guard index > first else { throw fault(next == nil ? .unexpectedEnd : .badName) }
        return XMLDocument.QualifiedName(prefix: prefix, local: first..<index)
    }

    mutating func startTag() throws(XMLFault) {
        index += 1
        isInText = false
        var elementName = try name()
        let node = document.nodes.count
        let firstAttribute = document.attributes.count
        let scopeCount = scope.count
        var isEmpty = false
        while true {
            let hasSpace = skipSpace()
            if take(">") { break }
            if take("/>") {
                isEmpty = true
                break
            }
            guard hasSpace else {
                throw fault(next == nil ? .unexpectedEnd : .unexpectedCharacter)
            }
            guard document.attributes.count - firstAttribute < limits.attributesPerElementMax
            else { throw fault(.tooManyAttributes) }
            let attributeName = try name()
            let value = try attributeValue()
            document.attributes.append(.init(name: attributeName, value: value))
        }
        let attributes = firstAttribute..<document.attributes.count
        for attribute in attributes { try bind(attribute, node) }
        try resolve(&elementName, isElement: true)
        for attribute in attributes where !document.attributes[attribute].isBinding {
            try resolve(&document.attributes[attribute].name, isElement: false)
        }
        try checkDuplicates(attributes)
        let opened = Open(node: node, name: elementName.whole, scopeCount: scopeCount)
        document.nodes.append(
            .element(
                .init(
                    name: elementName, attributes: attributes, parent: open.last?.node,
                    end: node + 1)))
        if isEmpty { close(opened) } else { open.append(opened) }
    }

    /// Takes note of what `xmlns="…"` and `xmlns:prefix="…"` declare (Namespaces section 3).
    private mutating func bind(_ attribute: Int, _ node: Int) throws(XMLFault) {
        let name = document.attributes[attribute].name
        let isDefault = name.prefix.isEmpty && isText(name.local, "xmlns")
        guard isDefault || isText(name.prefix, "xmlns") else { return }
        let value = document.characters[document.attributes[attribute].value]
        guard value.count <= limits.namespaceByteCountMax else { throw fault(.nameTooLong) }
        document.attributes[attribute].isBinding = true
        // Nobody binds `xmlns`, nothing but `xml` is bound to its namespace, and a prefix cannot be
        // bound to none.
        let isXML = value.elementsEqual(XMLNamespace.xml)
        let namesXML = !isDefault && isText(name.local, "xml")
        guard isXML == namesXML, !value.elementsEqual(XMLNamespace.xmlns),
            isDefault || (!isText(name.local, "xmlns") && !value.isEmpty)
        else { throw fault(.badBinding) }
        if namesXML { return }
        guard scope.count < limits.bindingsInScopeMax else { throw fault(.tooManyNamespaces) }
        scope.append(document.bindings.count)
        document.attributes[attribute].name.binding = document.bindings.count
        document.bindings.append(
            .init(
                prefix: isDefault ? 0..<0 : name.local, namespace: intern([UInt8](value)),
                node: node))
    }

    private mutating func intern(_ namespace: [UInt8]) -> Int {
        if let known = namespaceIndexes[namespace] { return known }
        let new = document.namespaces.count
        document.namespaces.append(namespace)
        namespaceIndexes[namespace] = new
        return new
    }

    private func isText(_ range: Range<Int>, _ text: String) -> Bool {
        range.count == text.utf8.count && document.source[range].elementsEqual(text.utf8)
    }

    /// Finds a name's namespace. Attributes without a prefix have none.
    private func resolve(
        _ name: inout XMLDocument.QualifiedName, isElement: Bool
    ) throws(XMLFault) {
        if name.prefix.isEmpty, !isElement { return }
        if isText(name.prefix, "xml") {
            name.namespace = 1
            return
        }
        let wanted = document.source[name.prefix]
        let found = scope.last { candidate in
            let prefix = document.bindings[candidate].prefix
            return prefix.count == wanted.count
                && document.source[prefix].elementsEqual(wanted)
        }
        if let found {
            name.namespace = document.bindings[found].namespace
            name.binding = found
        } else if !name.prefix.isEmpty {
            throw fault(.unboundPrefix)
        }
    }

    /// No two attributes have one name, as written or by namespace (Namespaces section 6.3).
    private func checkDuplicates(_ range: Range<Int>) throws(XMLFault) {
        guard range.count > 1 else { return }
        for later in range.dropFirst() {
            let a = document.attributes[later]
            for earlier in range.lowerBound..<later {
                let b = document.attributes[earlier]
                guard a.name.local.count == b.name.local.count, a.isBinding == b.isBinding,
                    a.name.namespace == b.name.namespace,
                    !a.isBinding || a.name.prefix.isEmpty == b.name.prefix.isEmpty,
                    document.source[a.name.local].elementsEqual(document.source[b.name.local])
                else { continue }
                throw fault(.duplicateAttribute)
            }
        }
    }
}
