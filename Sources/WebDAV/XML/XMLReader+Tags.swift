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
        elementName = try resolved(elementName)
        for attribute in attributes where !document.attributes[attribute].isBinding {
            let name = document.attributes[attribute].name
            // Without a prefix an attribute has no namespace.
            if !name.prefix.isEmpty { document.attributes[attribute].name = try resolved(name) }
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

    /// The name with its namespace.
    private func resolved(
        _ name: XMLDocument.QualifiedName
    ) throws(XMLFault) -> XMLDocument.QualifiedName {
        var name = name
        if isText(name.prefix, "xml") {
            name.namespace = 1
            return name
        }
        let found = scope.last { isSame(document.bindings[$0].prefix, name.prefix) }
        if let found {
            name.namespace = document.bindings[found].namespace
            name.binding = found
        } else if !name.prefix.isEmpty {
            throw fault(.unboundPrefix)
        }
        return name
    }

    /// Whether two ranges of the source have the same bytes.
    private func isSame(_ a: Range<Int>, _ b: Range<Int>) -> Bool {
        guard a.count == b.count else { return false }
        for offset in 0..<a.count
        where document.source[a.lowerBound + offset] != document.source[b.lowerBound + offset] {
            return false
        }
        return true
    }

    /// No two attributes have one name, as written or by namespace (Namespaces section 6.3).
    private func checkDuplicates(_ range: Range<Int>) throws(XMLFault) {
        for later in range {
            for earlier in range.lowerBound..<later where isSameName(earlier, later) {
                throw fault(.duplicateAttribute)
            }
        }
    }

    private func isSameName(_ earlier: Int, _ later: Int) -> Bool {
        let a = document.attributes[earlier].name
        let b = document.attributes[later].name
        return isSame(a.local, b.local) && a.namespace == b.namespace
            && document.attributes[earlier].isBinding == document.attributes[later].isBinding
            // One of them may be the declaration without a prefix.
            && (!document.attributes[later].isBinding || a.prefix.isEmpty == b.prefix.isEmpty)
    }
}
