internal import Model

/// Percent encoding of paths (RFC 3986 sections 2.1 and 3.3).
package enum Href {
    /// For each byte whether it stands for itself: unreserved characters and the slash that
    /// separates. All else is encoded, so that an href needs no escape in XML either and every
    /// client decodes it to the same bytes.
    private static let isPlain: [Bool] = (0...255).map { byte in
        switch UInt8(byte) {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E, 0x2F: true
        default: false
        }
    }

    private static let digits = [UInt8]("0123456789ABCDEF".utf8)

    /// Appends a path, whatever bytes its names have.
    static func append(_ path: some Collection<UInt8>, to out: inout [UInt8]) {
        let isPlain = isPlain
        for byte in path {
            if isPlain[Int(byte)] {
                out.append(byte)
            } else {
                out.append(0x25)
                out.append(digits[Int(byte >> 4)])
                out.append(digits[Int(byte & 15)])
            }
        }
    }

    /// The href of a collection's member.
    ///
    /// - Parameter collection: the href of the collection, with its slash.
    package static func member(
        _ name: [UInt8], of collection: [UInt8], isCollection: Bool
    ) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(collection.count + name.count + 16)
        out += collection
        append(name, to: &out)
        if isCollection { out.append(0x2F) }
        return out
    }

    /// The decoded bytes, once; nil where a `%` is not followed by two hexadecimal digits.
    static func decode(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        var out: [UInt8] = []
        out.reserveCapacity(text.count)
        var index = text.startIndex
        while index < text.endIndex {
            let byte = text[index]
            index += 1
            guard byte == 0x25 else {
                out.append(byte)
                continue
            }
            guard text.endIndex - index >= 2, let high = Hex.nibble(text[index]),
                let low = Hex.nibble(text[index + 1])
            else { return nil }
            out.append(high << 4 | low)
            index += 2
        }
        return out
    }
}
