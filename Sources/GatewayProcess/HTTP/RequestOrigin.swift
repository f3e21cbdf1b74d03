/// Where a request comes from, as far as that decides what it may do.
enum RequestOrigin {
    /// Whether the address, as the kernel writes it, is of this machine (127/8, `::1`, and the
    /// former as an IPv6 socket has it).
    static func isLoopback(_ address: String) -> Bool {
        address.hasPrefix("127.") || address == "::1" || address.hasPrefix("::ffff:127.")
    }

    /// A page of another site must not change anything through a browser that can reach the node.
    /// Programs that are no browsers say neither field.
    ///
    /// - Throws: 403.
    static func checkIsSame(_ fields: HeaderFields) throws(Problem) {
        if fields.contains(.secFetchSite) {
            // What the browser itself says (W3C Fetch Metadata) counts more than a comparison, which
            // a proxy that changes Host would make fail.
            for site in fields.all(.secFetchSite)
            where !Token.equal(site, "same-origin") && !Token.equal(site, "none") {
                throw .otherOrigin
            }
            return
        }
        for origin in fields.all(.origin) {
            guard let host = fields[.host], let wanted = authority(of: origin),
                wanted == lowerCased(host)
            else { throw .otherOrigin }
        }
    }

    /// What changes the cluster is for people on the node's own machine: there are no users yet.
    ///
    /// - Throws: 403.
    static func checkMayAdminister(_ exchange: Exchange) throws(Problem) {
        guard exchange.isFromLoopback else {
            throw Problem(
                .forbidden, "only_from_this_machine",
                "Only who is on the node's own machine may do this.",
                hint: "Log in there and use clusterfctl, or http://localhost.")
        }
        let fields = exchange.head.fields
        try checkIsSame(fields)
        guard fields.contains(.origin) || fields.contains(.secFetchSite) else { return }
        // A site's own name can be made to resolve to 127.0.0.1 (DNS rebinding): to the browser its
        // pages are then of the node's origin.
        guard let host = fields[.host], isOwnName(lowerCased(host)) else {
            throw Problem(
                .forbidden, "name_not_trusted",
                "A browser may do this only at http://localhost or at an address in digits.",
                hint: "Open the page at http://localhost.")
        }
    }

    /// `host:port` of an origin, in lower case; nil for `null` and other schemes.
    private static func authority(of origin: ArraySlice<UInt8>) -> [UInt8]? {
        let text = lowerCased(origin)
        for scheme in ["http://", "https://"] where text.starts(with: scheme.utf8) {
            return Array(text.dropFirst(scheme.utf8.count))
        }
        return nil
    }

    /// `localhost`, or an address in digits, with or without a port.
    private static func isOwnName(_ host: [UInt8]) -> Bool {
        if host.first == 0x5B { return true }
        let name = host.prefix { $0 != 0x3A }
        return name.elementsEqual("localhost".utf8)
            || (!name.isEmpty && name.allSatisfy { (0x30...0x39).contains($0) || $0 == 0x2E })
    }

    private static func lowerCased(_ text: ArraySlice<UInt8>) -> [UInt8] {
        text.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }
    }
}

extension Problem {
    fileprivate static var otherOrigin: Problem {
        Problem(
            .forbidden, "other_origin", "A page of another site may not change anything here.")
    }
}
