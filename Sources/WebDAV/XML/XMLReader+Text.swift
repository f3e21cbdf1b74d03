extension XMLReader {
    /// Characters up to the next `<`, which become a node or go on in the one before.
    mutating func text() throws(XMLFault) {
        let start = document.characters.count
        while let byte = next, byte != 0x3C {
            switch byte {
            case 0x26: try reference()
            case 0x0D: lineEnd()
            case 0x5D where isNext("]]>"):
                // Production 14 forbids it, so that a section's end is found.
                throw fault(.unexpectedCharacter)
            default:
                document.characters.append(byte)
                index += 1
            }
        }
        addText(from: start)
    }

    /// `<![CDATA[ … ]]>`.
    mutating func characterData() throws(XMLFault) {
        index += 9
        let start = document.characters.count
        while true {
            let byte = try peek()
            if byte == 0x5D, take("]]>") { break }
            if byte == 0x0D {
                lineEnd()
            } else {
                document.characters.append(byte)
                index += 1
            }
        }
        addText(from: start)
    }

    private mutating func addText(from start: Int) {
        let end = document.characters.count
        guard end > start else { return }
        if isInText, let last = document.nodes.last, case .text(let range) = last {
            document.nodes[document.nodes.count - 1] = .text(range.lowerBound..<end)
        } else {
            document.nodes.append(.text(start..<end))
            isInText = true
        }
    }

    /// All line ends are one line feed (XML 1.0 section 2.11).
    private mutating func lineEnd() {
        index += 1
        if next == 0x0A { index += 1 }
        document.characters.append(0x0A)
    }

    /// `name="value"` behind the name, its value normalized (XML 1.0 section 3.3.3).
    ///
    /// - Returns: where it is in `document.characters`.
    mutating func attributeValue() throws(XMLFault) -> Range<Int> {
        skipSpace()
        try expect("=")
        skipSpace()
        let quote = try peek()
        guard quote == 0x22 || quote == 0x27 else { throw fault(.unexpectedCharacter) }
        index += 1
        let start = document.characters.count
        while true {
            let byte = try peek()
            switch byte {
            case quote:
                index += 1
                return start..<document.characters.count
            case 0x3C: throw fault(.unexpectedCharacter)
            case 0x26: try reference()
            case 0x0D:
                lineEnd()
                document.characters[document.characters.count - 1] = 0x20
            case 0x0A, 0x09:
                document.characters.append(0x20)
                index += 1
            default:
                document.characters.append(byte)
                index += 1
            }
        }
    }

    /// `&lt;`, `&#60;`, `&#x3C;`: no other entity is declared, since there is no document type.
    private mutating func reference() throws(XMLFault) {
        index += 1
        if take("#") { return try characterReference() }
        let known: [(String, UInt8)] = [
            ("amp;", 0x26), ("lt;", 0x3C), ("gt;", 0x3E), ("quot;", 0x22), ("apos;", 0x27),
        ]
        for (name, byte) in known where take(name) {
            document.characters.append(byte)
            return
        }
        throw fault(.unknownEntity)
    }

    private mutating func characterReference() throws(XMLFault) {
        let radix: UInt32 = take("x") ? 16 : 10
        var code: UInt32 = 0
        let start = index
        while let byte = next, byte != 0x3B {
            let digit: UInt32
            switch byte {
            case 0x30...0x39: digit = UInt32(byte - 0x30)
            case 0x41...0x46 where radix == 16: digit = UInt32(byte - 0x41) + 10
            case 0x61...0x66 where radix == 16: digit = UInt32(byte - 0x61) + 10
            default: throw fault(.badReference)
            }
            code = code * radix + digit
            guard code <= 0x10FFFF else { throw fault(.badReference) }
            index += 1
        }
        guard next == 0x3B, index > start, XMLCharacters.isCharacter(code),
            let scalar = Unicode.Scalar(code)
        else { throw fault(.badReference) }
        index += 1
        document.characters.append(contentsOf: UTF8.encode(scalar) ?? .init())
    }
}
