package import Model

/// The part of the store that is served, as a client sees it: behind which host, below which path.
package struct ServedTree: Hashable, Sendable {
    /// The store's directory that the client's root is.
    package var base: StorePath
    /// Whether the request came below `/dav`; then what it is answered lies there too.
    package var isBelowPrefix: Bool
    /// The Host of the request; nil where it had none: then hosts are not compared.
    package var authority: [UInt8]?

    /// The tree is at the server's root, and here, where no other route can hide a name.
    package static let prefix = [UInt8]("/dav".utf8)

    package init(base: StorePath, isBelowPrefix: Bool, authority: [UInt8]?) {
        self.base = base
        self.isBelowPrefix = isBelowPrefix
        self.authority = authority
    }

    /// Whether a path lies at the prefix or below it.
    package static func hasPrefix(_ path: some Collection<UInt8>) -> Bool {
        guard path.starts(with: prefix) else { return false }
        let behind = path.dropFirst(prefix.count)
        return behind.isEmpty || behind.first == 0x2F
    }

    /// Whether the tree, and not the server's root, is where a member of the tree's base would be that has
    /// this name, for a client without the prefix: it is not listed to such a client, since whoever
    /// deletes what is listed would delete everything.
    ///
    /// - Parameter collection: that it is a member of.
    package func hides(_ name: [UInt8], in collection: StorePath) -> Bool {
        !isBelowPrefix && collection == base && name.elementsEqual(ServedTree.prefix.dropFirst())
    }

    /// A resource that a client names.
    package struct Address: Hashable, Sendable {
        package var path: StorePath
        /// It has a slash at its end: a collection is meant.
        package var isCollection: Bool

        package init(path: StorePath, isCollection: Bool) {
            self.path = path
            self.isCollection = isCollection
        }
    }

    /// The path without its segments of one dot: they mean nothing (RFC 3986 section 5.2.4), and Go's
    /// URLs have one before a name with a colon, as rclone sends them. Segments of two dots stay, and
    /// are no names.
    private static func withoutDots(_ path: ArraySlice<UInt8>) -> [UInt8] {
        let dot: [UInt8] = [0x2F, 0x2E]
        guard path.firstRange(of: dot) != nil else { return [UInt8](path) }
        var out: [UInt8] = []
        out.reserveCapacity(path.count)
        var rest = path
        while let byte = rest.first {
            if rest.starts(with: dot) {
                let behind = rest.dropFirst(2)
                if behind.isEmpty { return out + [0x2F] }
                if behind.first == 0x2F {
                    rest = behind
                    continue
                }
            }
            out.append(byte)
            rest = rest.dropFirst()
        }
        return out
    }

    /// The tree and the address that a request's path means, with or without the prefix.
    ///
    /// - Parameter text: from the slash on, percent-encoded, without a query.
    package func address(ofPath text: ArraySlice<UInt8>) throws(DAVFault) -> Address {
        guard text.first == 0x2F else { throw DAVFault(.badRequest, "The path is not absolute.") }
        guard !text.contains(where: { $0 == 0x3F || $0 == 0x23 }) else {
            throw DAVFault(.badRequest, "The URL has a query or a fragment.")
        }
        guard let decoded = PercentEncoding.decode(ServedTree.withoutDots(text)[...]) else {
            throw DAVFault(.badRequest, "The path has a broken percent escape.")
        }
        var rest = decoded[...]
        if ServedTree.hasPrefix(rest) { rest = rest.dropFirst(ServedTree.prefix.count) }
        if rest.isEmpty || rest.elementsEqual([0x2F]) {
            return Address(path: base, isCollection: true)
        }
        guard let normal = StorePath.normalized([UInt8](rest)) else {
            throw DAVFault(.badRequest, "The path is not valid UTF-8.")
        }
        do {
            // Each by itself, so that what the client says cannot leave the base.
            let own = try StorePath(validating: normal)
            let path = base.isRoot ? own : try StorePath(validating: base.bytes + own.bytes)
            return Address(path: path, isCollection: rest.last == 0x2F)
        } catch {
            throw DAVFault(.badRequest, "The path is none: \(error).")
        }
    }

    /// The address that an absolute URI or an absolute path means (RFC 4918 section 8.3).
    ///
    /// - Throws: 502 where it is on another server (section 9.8.5), 400 where it is none.
    package func address(ofReference reference: ArraySlice<UInt8>) throws(DAVFault) -> Address {
        if reference.first == 0x2F, reference.dropFirst().first != 0x2F {
            return try address(ofPath: reference)
        }
        guard let colon = reference.firstIndex(of: 0x3A),
            reference[colon...].starts(with: "://".utf8)
        else { throw DAVFault(.badRequest, "The URL is neither absolute nor a path.") }
        let scheme = reference[..<colon]
        let isSecure = ASCII.equalIgnoringCase(scheme, "https")
        guard isSecure || ASCII.equalIgnoringCase(scheme, "http") else {
            throw DAVFault(.badGateway, "The URL is of another scheme.")
        }
        let rest = reference[(colon + 3)...]
        let end = rest.firstIndex { $0 == 0x2F || $0 == 0x3F || $0 == 0x23 } ?? rest.endIndex
        guard end > rest.startIndex else { throw DAVFault(.badRequest, "The URL has no host.") }
        if let authority {
            let port = [UInt8]((isSecure ? ":443" : ":80").utf8)
            guard
                ServedTree.host(rest[..<end], withoutPort: port)
                    == ServedTree.host(authority[...], withoutPort: port)
            else { throw DAVFault(.badGateway, "The URL is of another server.") }
        }
        return try address(ofPath: end == rest.endIndex ? [0x2F] : rest[end...])
    }

    /// Host and port for comparison: small letters, no user, no port where it is the scheme's own.
    private static func host(_ text: ArraySlice<UInt8>, withoutPort port: [UInt8]) -> [UInt8] {
        let host = text.lastIndex(of: 0x40).map { text[($0 + 1)...] } ?? text
        let lowered = host.map(ASCII.lowered)
        if lowered.count > port.count, lowered.suffix(port.count).elementsEqual(port) {
            return lowered.dropLast(port.count)
        }
        return lowered.last == 0x3A ? lowered.dropLast() : lowered
    }

    /// A Destination header (RFC 4918 section 10.3).
    package func destination(field: ArraySlice<UInt8>?) throws(DAVFault) -> Address {
        guard let field else { throw DAVFault(.badRequest, "The Destination header is missing.") }
        return try address(ofReference: ASCII.trimmed(field))
    }

    /// The path of a resource as this client names it, percent-encoded; a collection ends in a
    /// slash (RFC 4918 section 5.2). What only the prefix leads to has it whoever asks.
    ///
    /// - Parameter path: the base or below it.
    package func href(_ path: StorePath, isCollection: Bool) -> [UInt8] {
        let own = path.bytes.dropFirst(base.isRoot ? 0 : base.bytes.count)
        var out =
            isBelowPrefix || ServedTree.hasPrefix(own) ? ServedTree.prefix : []
        if !path.isRoot { PercentEncoding.append(own, keepingSlash: true, to: &out) }
        if isCollection || out.isEmpty, out.last != 0x2F { out.append(0x2F) }
        return out
    }
}
