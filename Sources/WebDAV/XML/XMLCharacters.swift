/// Which characters may stand where (XML 1.0, fifth edition, sections 2.2 and 2.3).
enum XMLCharacters {
    static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09
    }

    /// Production 2.
    static func isCharacter(_ code: UInt32) -> Bool {
        switch code {
        case 0x09, 0x0A, 0x0D, 0x20...0xD7FF, 0xE000...0xFFFD, 0x10000...0x10FFFF: true
        default: false
        }
    }

    /// Where the first character is that a text cannot have.
    ///
    /// - Parameter utf8: valid UTF-8.
    static func firstBad(in utf8: [UInt8]) -> Int? {
        var index = 0
        while index < utf8.count {
            let byte = utf8[index]
            if byte < 0x20, !isSpace(byte) { return index }
            // U+FFFE and U+FFFF.
            if byte == 0xEF, utf8[index + 1] == 0xBF, utf8[index + 2] >= 0xBE { return index }
            index += 1
        }
        return nil
    }

    /// Production 4, without the colon that is of namespaces.
    static func startsName(_ code: UInt32) -> Bool {
        switch code {
        case 0x41...0x5A, 0x5F, 0x61...0x7A: true
        case 0..<0x80: false
        case 0xC0...0xD6, 0xD8...0xF6, 0xF8...0x2FF, 0x370...0x37D, 0x37F...0x1FFF,
            0x200C...0x200D, 0x2070...0x218F, 0x2C00...0x2FEF, 0x3001...0xD7FF,
            0xF900...0xFDCF, 0xFDF0...0xFFFD, 0x10000...0xEFFFF:
            true
        default: false
        }
    }

    /// Production 4a, without the colon.
    static func isInName(_ code: UInt32) -> Bool {
        switch code {
        case 0x2D, 0x2E, 0x30...0x39, 0xB7, 0x300...0x36F, 0x203F...0x2040: true
        default: startsName(code)
        }
    }

    /// The character at `index` of valid UTF-8, and its length.
    static func scalar(_ utf8: [UInt8], at index: Int) -> (code: UInt32, byteCount: Int) {
        let first = UInt32(utf8[index])
        func next(_ offset: Int) -> UInt32 { UInt32(utf8[index + offset]) & 0x3F }
        switch first {
        case 0..<0x80: return (first, 1)
        case 0..<0xE0: return ((first & 0x1F) << 6 | next(1), 2)
        case 0..<0xF0: return ((first & 0x0F) << 12 | next(1) << 6 | next(2), 3)
        default:
            return ((first & 0x07) << 18 | next(1) << 12 | next(2) << 6 | next(3), 4)
        }
    }
}
