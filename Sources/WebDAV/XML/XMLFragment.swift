extension XMLDocument {
    /// An element as XML that stands for itself wherever no namespace without a prefix is in scope:
    /// names and prefixes as written, with the declarations from outside of it that it uses, and
    /// the language that it is in (RFC 4918 section 4.3 and 4.4).
    ///
    /// Prefixes in characters count as used where a colon follows them: values may have qualified
    /// names.
    ///
    /// - Returns: nil where it has more than `byteCountMax` bytes.
    package func fragment(of place: Place, byteCountMax: Int) -> [UInt8]? {
        let root = place.index
        let end = element(place).end
        var out: [UInt8] = []
        var open: [(end: Int, name: Range<Int>)] = []
        var index = root
        while true {
            while let last = open.last, last.end <= index {
                out += [0x3C, 0x2F]
                out += source[last.name]
                out.append(0x3E)
                open.removeLast()
            }
            guard index < end else { break }
            switch nodes[index] {
            case .text(let range): XMLText.append(characters[range], to: &out)
            case .element(let element):
                out.append(0x3C)
                out += source[element.name.whole]
                if index == root { appendContext(of: place, to: &out) }
                append(attributes[element.attributes], to: &out)
                if element.end == index + 1 {
                    out += [0x2F, 0x3E]
                } else {
                    out.append(0x3E)
                    open.append((element.end, element.name.whole))
                }
            }
            guard out.count <= byteCountMax else { return nil }
            index += 1
        }
        return out.count <= byteCountMax ? out : nil
    }

    private func append(_ attributes: ArraySlice<Attribute>, to out: inout [UInt8]) {
        for attribute in attributes {
            out.append(0x20)
            out += source[attribute.name.whole]
            out += [0x3D, 0x22]
            XMLText.appendAttribute(characters[attribute.value], to: &out)
            out.append(0x22)
        }
    }

    /// What an element has from those around it.
    private func appendContext(of place: Place, to out: inout [UInt8]) {
        for binding in outerBindings(of: place) {
            out += " xmlns".utf8
            if !bindings[binding].prefix.isEmpty {
                out.append(0x3A)
                out += source[bindings[binding].prefix]
            }
            out += [0x3D, 0x22]
            XMLText.appendAttribute(namespaces[bindings[binding].namespace], to: &out)
            out.append(0x22)
        }
        var index = place.index
        while true {
            let element = element(Place(index: index))
            let language = attributes[element.attributes].first {
                $0.name.namespace == 1 && source[$0.name.local].elementsEqual("lang".utf8)
            }
            if let language {
                // Its own is written with its other attributes.
                if index == place.index { return }
                out += " xml:lang=\"".utf8
                XMLText.appendAttribute(characters[language.value], to: &out)
                out.append(0x22)
                return
            }
            guard let parent = element.parent else { return }
            index = parent
        }
    }

    /// The declarations outside of the element that something in it uses, in document order.
    private func outerBindings(of place: Place) -> [Int] {
        let inScope = outerScope(of: place)
        guard !inScope.isEmpty else { return [] }
        var used: Set<Int> = []
        func use(_ name: QualifiedName) {
            if let binding = name.binding, bindings[binding].node < place.index {
                used.insert(binding)
            }
        }
        for index in place.index..<element(place).end {
            switch nodes[index] {
            case .text(let range): usePrefixes(in: range, inScope, &used)
            case .element(let element):
                use(element.name)
                for attribute in attributes[element.attributes] where !attribute.isBinding {
                    use(attribute.name)
                    usePrefixes(in: attribute.value, inScope, &used)
                }
            }
        }
        return used.sorted()
    }

    /// Marks the prefixes that stand before colons.
    private func usePrefixes(
        in range: Range<Int>, _ inScope: [[UInt8]: Int], _ used: inout Set<Int>
    ) {
        guard used.count < inScope.count else { return }
        var first = range.lowerBound
        for index in range {
            switch characters[index] {
            case 0x3A:
                let length = index - first
                if length > 0, length <= WebDAVLimits.nameByteCountMax,
                    let binding = inScope[[UInt8](characters[first..<index])]
                {
                    used.insert(binding)
                }
                first = index + 1
            case 0x2D, 0x2E, 0x30...0x39, 0x41...0x5A, 0x5F, 0x61...0x7A, 0x80...0xFF: break
            default: first = index + 1
            }
        }
    }

    /// What is declared outside of the element and holds in it, by prefix, but for what it declares
    /// anew itself.
    private func outerScope(of place: Place) -> [[UInt8]: Int] {
        var hidden: Set<[UInt8]> = []
        var result: [[UInt8]: Int] = [:]
        var index: Int? = place.index
        while let node = index {
            let element = element(Place(index: node))
            for attribute in attributes[element.attributes] {
                guard attribute.isBinding, let binding = attribute.name.binding else { continue }
                let prefix = [UInt8](source[bindings[binding].prefix])
                if hidden.insert(prefix).inserted, node != place.index {
                    result[prefix] = binding
                }
            }
            index = element.parent
        }
        return result
    }
}
