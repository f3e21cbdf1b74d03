internal import Model

/// How a text's bytes are characters. Every processor reads UTF-8 and UTF-16 (XML 1.0 section
/// 2.2); nothing else is read here.
package enum XMLEncoding: Hashable, Sendable {
    case utf8
    case utf16BigEndian
    case utf16LittleEndian

    /// The charset that a Content-Type names, without quotes: what bodies are read with (RFC 9110
    /// section 8.3.2).
    ///
    /// - Returns: nil where there is none.
    package static func charset(ofContentType field: ArraySlice<UInt8>?) -> ArraySlice<UInt8>? {
        guard let field else { return nil }
        for parameter in field.split(separator: 0x3B).dropFirst() {
            guard let equals = parameter.firstIndex(of: 0x3D),
                ASCII.equalIgnoringCase(ASCII.trimmed(parameter[..<equals]), "charset")
            else { continue }
            let value = ASCII.trimmed(parameter[(equals + 1)...])
            let isQuoted = value.count > 1 && value.first == 0x22 && value.last == 0x22
            return isQuoted ? value.dropFirst().dropLast() : value
        }
        return nil
    }

    /// - Parameters:
    ///   - bytes: the text.
    ///   - charset: of the Content-Type. A byte order mark goes before it (RFC 7303 section 3.3).
    /// - Returns: the encoding and the length of the mark.
    static func detected(
        _ bytes: [UInt8], charset: ArraySlice<UInt8>?
    ) throws(XMLFault) -> (encoding: XMLEncoding, markByteCount: Int) {
        // UTF-32's marks, of which one begins like UTF-16's.
        if bytes.starts(with: [0xFF, 0xFE, 0, 0]) || bytes.starts(with: [0, 0, 0xFE, 0xFF]) {
            throw XMLFault(reason: .foreignEncoding, offset: 0)
        }
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { return (.utf8, 3) }
        if bytes.starts(with: [0xFE, 0xFF]) { return (.utf16BigEndian, 2) }
        if bytes.starts(with: [0xFF, 0xFE]) { return (.utf16LittleEndian, 2) }
        // Without a mark the first character, which is `<` or white space, tells (XML 1.0 appendix
        // F): a zero beside it, and not two.
        let wide = bytes.prefix(4).map { $0 == 0 }
        let seen: XMLEncoding? =
            switch wide {
            case [true, false, true, false]: .utf16BigEndian
            case [false, true, false, true]: .utf16LittleEndian
            // UTF-32.
            case [true, true, true, false], [false, true, true, true]: nil
            default: .utf8
            }
        guard let seen, isNamed(by: charset, seen) else {
            throw XMLFault(reason: .foreignEncoding, offset: 0)
        }
        return (seen, 0)
    }

    private static func isNamed(by charset: ArraySlice<UInt8>?, _ encoding: XMLEncoding) -> Bool {
        charset.map { encoding.isNamed(by: $0) } ?? true
    }

    /// Whether `name` is what the encoding is called. ASCII is part of UTF-8.
    func isNamed(by name: ArraySlice<UInt8>) -> Bool {
        let names: [String] =
            switch self {
            case .utf8: ["utf-8", "utf8", "us-ascii", "ascii"]
            case .utf16BigEndian: ["utf-16", "utf-16be"]
            case .utf16LittleEndian: ["utf-16", "utf-16le"]
            }
        return names.contains { ASCII.equalIgnoringCase(name, $0) }
    }

    /// The text in UTF-8; nil where it is none.
    func decoded(_ bytes: ArraySlice<UInt8>) -> [UInt8]? {
        if self == .utf8 { return UTF8Check.isValid(bytes) ? [UInt8](bytes) : nil }
        guard bytes.count.isMultiple(of: 2) else { return nil }
        let high = self == .utf16BigEndian ? 0 : 1
        var out: [UInt8] = []
        out.reserveCapacity(bytes.count)
        var index = bytes.startIndex
        var lead: UInt32?
        while index < bytes.endIndex {
            let unit =
                UInt32(bytes[index + high]) << 8 | UInt32(bytes[index + 1 - high])
            index += 2
            var code = unit
            if let first = lead {
                guard (0xDC00..<0xE000).contains(unit) else { return nil }
                code = 0x10000 + (first - 0xD800) << 10 + (unit - 0xDC00)
                lead = nil
            } else if (0xD800..<0xDC00).contains(unit) {
                lead = unit
                continue
            }
            guard let scalar = Unicode.Scalar(code) else { return nil }
            out.append(contentsOf: UTF8.encode(scalar) ?? .init())
        }
        return lead == nil ? out : nil
    }
}
