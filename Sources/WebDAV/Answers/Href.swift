internal import Model

/// Paths as clients are given them (RFC 3986 section 3.3). They need no escape in XML.
package enum Href {
    /// The href of a collection's member.
    ///
    /// - Parameter collection: the href of the collection, with its slash.
    package static func member(
        _ name: [UInt8], of collection: [UInt8], isCollection: Bool
    ) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(collection.count + name.count + 16)
        out += collection
        PercentEncoding.append(name[...], keepingSlash: true, to: &out)
        if isCollection { out.append(0x2F) }
        return out
    }
}
