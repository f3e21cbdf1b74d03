/// Percent encoding (RFC 3986, sections 2.1 and 2.3).
package enum PercentEncoding {
    /// For each byte whether it is an unreserved character, which stands for itself. All else is encoded, so
    /// that every client decodes it to the same bytes.
    private static let isUnreserved: [Bool] = (0...255).map { byte in
        switch UInt8(byte) {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: true
        default: false
        }
    }

    /// RFC 3986 wants capitals.
    private static let digits = [UInt8]("0123456789ABCDEF".utf8)

    /// Appends bytes, encoded.
    ///
    /// - Parameter keepingSlash: the slashes separate, and stay.
    package static func append(
        _ bytes: ArraySlice<UInt8>, keepingSlash: Bool, to out: inout [UInt8]
    ) {
        let isUnreserved = isUnreserved
        for byte in bytes {
            if isUnreserved[Int(byte)] || (byte == 0x2F && keepingSlash) {
                out.append(byte)
            } else {
                out.append(0x25)
                out.append(digits[Int(byte >> 4)])
                out.append(digits[Int(byte & 15)])
            }
        }
    }

    package static func encode(_ bytes: ArraySlice<UInt8>, keepingSlash: Bool) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(bytes.count)
        append(bytes, keepingSlash: keepingSlash, to: &out)
        return out
    }

    /// The decoded bytes, once; nil where a `%` is not followed by two hexadecimal digits.
    ///
    /// - Parameter plusIsSpace: as in the query of a form.
    package static func decode(
        _ text: ArraySlice<UInt8>, plusIsSpace: Bool = false
    ) -> [UInt8]? {
        guard text.contains(where: { $0 == 0x25 || ($0 == 0x2B && plusIsSpace) }) else {
            return [UInt8](text)
        }
        var out: [UInt8] = []
        out.reserveCapacity(text.count)
        var index = text.startIndex
        while index < text.endIndex {
            let byte = text[index]
            if byte == 0x25 {
                guard text.endIndex - index > 2, let high = Hex.nibble(text[index + 1]),
                    let low = Hex.nibble(text[index + 2])
                else { return nil }
                out.append(high << 4 | low)
                index += 3
            } else {
                out.append(byte == 0x2B && plusIsSpace ? 0x20 : byte)
                index += 1
            }
        }
        return out
    }
}
