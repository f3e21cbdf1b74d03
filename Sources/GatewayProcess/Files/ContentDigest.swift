internal import Model

/// What a client says the SHA-256 of its body is, in either of two fields.
enum ContentDigest {
    /// The digest to check against; nil where the client says none.
    /// - Throws: 400 where it says something unreadable.
    static func expected(_ fields: HeaderFields) throws(Problem) -> Digest? {
        var digest: Digest?
        if let field = fields[.checksum] {
            guard let bytes = Hex.decode(field), let parsed = Digest(bytes: bytes) else {
                throw Problem(
                    .badRequest, "bad_checksum",
                    "X-ClusterF-Checksum is not 64 hexadecimal digits.")
            }
            digest = parsed
        }
        if fields.contains(.contentDigest), let list = fields.list(.contentDigest) {
            for entry in list {
                guard let other = try sha256(entry) else { continue }
                guard digest == nil || digest == other else {
                    throw Problem(
                        .badRequest, "bad_checksum",
                        "Content-Digest and X-ClusterF-Checksum say different things.")
                }
                digest = other
            }
        }
        return digest
    }

    /// The digest of `sha-256=:base64:` (RFC 9530, section 2); nil for another algorithm, which
    /// the recipient is free to ignore.
    private static func sha256(_ entry: ArraySlice<UInt8>) throws(Problem) -> Digest? {
        let prefix = entry.prefix(8)
        guard Token.equal(prefix, "sha-256=") else { return nil }
        let value = entry.dropFirst(8)
        guard value.count > 2, value.first == 0x3A, value.last == 0x3A,
            let bytes = Base64.decode(value.dropFirst().dropLast()),
            let digest = Digest(bytes: bytes)
        else {
            throw Problem(
                .badRequest, "bad_checksum", "Content-Digest is not sha-256=:BASE64: .")
        }
        return digest
    }
}

/// Base 64 (RFC 4648, section 4), with padding.
enum Base64 {
    private static let characters = [UInt8](
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func encode(_ bytes: some Sequence<UInt8>) -> [UInt8] {
        let characters = characters
        var out: [UInt8] = []
        var bits: UInt32 = 0
        var bitCount: UInt32 = 0
        for byte in bytes {
            bits = bits << 8 | UInt32(byte)
            bitCount += 8
            while bitCount >= 6 {
                bitCount -= 6
                out.append(characters[Int(bits >> bitCount & 63)])
            }
            bits &= 0xFFFF
        }
        if bitCount > 0 { out.append(characters[Int(bits << (6 - bitCount) & 63)]) }
        while !out.count.isMultiple(of: 4) { out.append(0x3D) }
        return out
    }

    /// The bytes that `text` writes; nil for another character, a missing padding, or bits left.
    static func decode(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        guard text.count.isMultiple(of: 4) else { return nil }
        let padding = text.suffix(2).filter { $0 == 0x3D }.count
        var out: [UInt8] = []
        var bits: UInt32 = 0
        var bitCount: UInt32 = 0
        for character in text.dropLast(padding) {
            guard let value = value(character) else { return nil }
            bits = bits << 6 | value
            bitCount += 6
            if bitCount >= 8 {
                bitCount -= 8
                out.append(UInt8(truncatingIfNeeded: bits >> bitCount))
            }
            bits &= 0xFFFF
        }
        let left = bits & ((1 << bitCount) - 1)
        return left == 0 ? out : nil
    }

    private static func value(_ character: UInt8) -> UInt32? {
        switch character {
        case 0x41...0x5A: UInt32(character - 0x41)
        case 0x61...0x7A: UInt32(character - 0x61 + 26)
        case 0x30...0x39: UInt32(character - 0x30 + 52)
        case 0x2B: 62
        case 0x2F: 63
        default: nil
        }
    }
}
