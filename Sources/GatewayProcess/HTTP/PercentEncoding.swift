internal import Model

/// Percent encoding (RFC 3986, section 2.1).
enum PercentEncoding {
    /// The decoded bytes, once; nil where a `%` is not followed by two hexadecimal digits.
    static func decode(_ text: ArraySlice<UInt8>, plusIsSpace: Bool = false) -> [UInt8]? {
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

    /// Everything but unreserved characters (and `/` where it separates) encoded.
    static func encode(_ bytes: some Sequence<UInt8>, keepingSlash: Bool) -> [UInt8] {
        var out: [UInt8] = []
        for byte in bytes {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: out.append(byte)
            case 0x2F where keepingSlash: out.append(byte)
            default:
                out.append(0x25)
                for character in Hex.encodedBytes([byte]) {
                    // RFC 3986 wants capitals.
                    out.append(character >= 0x61 ? character - 0x20 : character)
                }
            }
        }
        return out
    }
}

/// The `name=value` pairs after a `?`. A name that occurs twice counts the first time.
struct Query {
    private var pairs: [(name: [UInt8], value: [UInt8])] = []

    static let none = Query()

    private init() {}

    /// - Returns: nil where an escape is broken.
    init?(_ text: ArraySlice<UInt8>) {
        for pair in text.split(separator: 0x26) {
            let cut = pair.firstIndex(of: 0x3D) ?? pair.endIndex
            let rest = cut < pair.endIndex ? pair[(cut + 1)...] : []
            guard let name = PercentEncoding.decode(pair[..<cut], plusIsSpace: true),
                let value = PercentEncoding.decode(rest, plusIsSpace: true)
            else { return nil }
            pairs.append((name, value))
        }
    }

    /// The value's bytes.
    subscript(name: StaticString) -> [UInt8]? {
        if pairs.isEmpty { return nil }
        let wanted = [UInt8]("\(name)".utf8)
        return pairs.first { $0.name == wanted }?.value
    }

    /// Whether the parameter is there and says `1` or `true`.
    func isSet(_ name: StaticString) -> Bool {
        guard let value = self[name] else { return false }
        return value.elementsEqual("1".utf8) || value.elementsEqual("true".utf8)
    }
}
