/// A text of XML that was read: its elements and their characters in document order, flat, so that
/// nothing that walks it is recursive. Comments and processing instructions are gone.
package struct XMLDocument: Sendable {
    /// The text in UTF-8; names lie in it.
    var source: [UInt8]
    /// Characters of text and attributes with their references replaced.
    var characters: [UInt8] = []
    var nodes: [Node] = []
    var attributes: [Attribute] = []
    /// Each once: the first is none, the second that of `xml`.
    var namespaces: [[UInt8]] = [[], XMLNamespace.xml]
    /// All declarations, in document order.
    var bindings: [Binding] = []

    struct QualifiedName: Sendable {
        /// Of `source`; empty where there is none.
        var prefix: Range<Int>
        var local: Range<Int>
        /// Index of `namespaces`.
        var namespace = 0
        /// Index of `bindings`, of what gave the namespace, or of what an attribute declares; nil
        /// where it needs no declaration.
        var binding: Int?

        /// Prefix, colon and name as written.
        var whole: Range<Int> {
            (prefix.isEmpty ? local.lowerBound : prefix.lowerBound)..<local.upperBound
        }
    }

    struct Attribute: Sendable {
        var name: QualifiedName
        /// Of `characters`.
        var value: Range<Int>
        /// Whether it declares a namespace.
        var isBinding = false
    }

    /// A declared namespace.
    struct Binding: Sendable {
        /// Of `source`; empty for that of names without a prefix.
        var prefix: Range<Int>
        var namespace: Int
        /// The element that declares it.
        var node: Int
    }

    enum Node: Sendable {
        case element(Element)
        /// Of `characters`.
        case text(Range<Int>)
    }

    struct Element: Sendable {
        var name: QualifiedName
        /// Of `XMLDocument.attributes`.
        var attributes: Range<Int>
        var parent: Int?
        /// The index behind its last descendant.
        var end: Int
    }

    /// An element of the document.
    package struct Place: Hashable, Sendable {
        let index: Int
    }

    /// The outermost element.
    package var root: Place { Place(index: 0) }

    func element(_ place: Place) -> Element {
        guard case .element(let element) = nodes[place.index] else {
            preconditionFailure("a place that is no element")
        }
        return element
    }

    package func name(_ place: Place) -> XMLName {
        let name = element(place).name
        return XMLName(
            namespace: namespaces[name.namespace], local: [UInt8](source[name.local]))
    }

    /// Whether the element is WebDAV's own of that name.
    package func isDAV(_ place: Place, _ local: String) -> Bool {
        let name = element(place).name
        return namespaces[name.namespace] == XMLNamespace.dav
            && source[name.local].elementsEqual(local.utf8)
    }

    /// The elements directly in it, in order.
    package func children(of place: Place) -> [Place] {
        var result: [Place] = []
        var index = place.index + 1
        let end = element(place).end
        while index < end {
            if case .element(let child) = nodes[index] {
                result.append(Place(index: index))
                index = child.end
            } else {
                index += 1
            }
        }
        return result
    }

    /// The first of WebDAV's own elements of that name directly in it.
    package func child(_ local: String, of place: Place) -> Place? {
        children(of: place).first { isDAV($0, local) }
    }
}
