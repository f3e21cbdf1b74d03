/// A property that the store only keeps (RFC 4918 section 4): its name, and the element whole, as
/// XML that stands for itself.
package struct DeadProperty: Hashable, Sendable {
    package var name: XMLName
    /// See `XMLDocument.fragment`. It is answered as it is.
    package var xml: [UInt8]

    package init(name: XMLName, xml: [UInt8]) {
        self.name = name
        self.xml = xml
    }

    /// What it counts for among its resource's properties.
    package var byteCount: Int { name.namespace.count + name.local.count + xml.count }
}
