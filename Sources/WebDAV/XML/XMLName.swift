/// The name of an element or a property: a namespace and a name in it (Namespaces in XML 1.0),
/// compared as bytes.
package struct XMLName: Hashable, Sendable {
    /// Empty: none.
    package var namespace: [UInt8]
    package var local: [UInt8]

    package init(namespace: [UInt8], local: [UInt8]) {
        self.namespace = namespace
        self.local = local
    }

    package init(_ namespace: String, _ local: String) {
        self.init(namespace: [UInt8](namespace.utf8), local: [UInt8](local.utf8))
    }

    /// A name of WebDAV's own.
    package static func dav(_ local: String) -> XMLName {
        XMLName(namespace: XMLNamespace.dav, local: [UInt8](local.utf8))
    }
}

extension XMLName: CustomStringConvertible {
    package var description: String {
        "{\(String(decoding: namespace, as: UTF8.self))}\(String(decoding: local, as: UTF8.self))"
    }
}

package enum XMLNamespace {
    package static let dav = [UInt8]("DAV:".utf8)
    /// Of the prefix `xml`, which needs no declaration and can have no other.
    package static let xml = [UInt8]("http://www.w3.org/XML/1998/namespace".utf8)
    /// Of the prefix `xmlns`, which nobody may declare.
    package static let xmlns = [UInt8]("http://www.w3.org/2000/xmlns/".utf8)
    /// Of Windows' properties.
    package static let microsoft = [UInt8]("urn:schemas-microsoft-com:".utf8)
}
