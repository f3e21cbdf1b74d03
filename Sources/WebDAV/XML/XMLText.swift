/// Characters as XML writes them (XML 1.0 sections 2.2, 2.4 and 2.11).
enum XMLText {
    private static let ampersand = [UInt8]("&amp;".utf8)
    private static let less = [UInt8]("&lt;".utf8)
    private static let greater = [UInt8]("&gt;".utf8)
    private static let quote = [UInt8]("&quot;".utf8)
    private static let carriageReturn = [UInt8]("&#13;".utf8)
    private static let lineFeed = [UInt8]("&#10;".utf8)
    private static let tab = [UInt8]("&#9;".utf8)
    /// U+FFFD stands for what XML 1.0 cannot carry, not even as a reference.
    private static let replacement: [UInt8] = [0xEF, 0xBF, 0xBD]

    /// Appends the text of an element.
    ///
    /// - Parameter utf8: valid UTF-8.
    static func append(_ utf8: some Collection<UInt8>, to out: inout [UInt8]) {
        append(utf8, inAttribute: false, to: &out)
    }

    /// Appends what stands between an attribute's double quotes.
    static func appendAttribute(_ utf8: some Collection<UInt8>, to out: inout [UInt8]) {
        append(utf8, inAttribute: true, to: &out)
    }

    private static func append(
        _ utf8: some Collection<UInt8>, inAttribute: Bool, to out: inout [UInt8]
    ) {
        // The last two bytes that were appended, for the two characters of three bytes that have
        // no place in XML.
        var before: (UInt8, UInt8) = (0, 0)
        for byte in utf8 {
            switch byte {
            case 0x26: out += ampersand
            case 0x3C: out += less
            case 0x3E: out += greater
            case 0x22 where inAttribute: out += quote
            // Readers make a line feed of it, and a blank of each of these in an attribute.
            case 0x0D: out += carriageReturn
            case 0x0A where inAttribute: out += lineFeed
            case 0x09 where inAttribute: out += tab
            case 0x09, 0x0A: out.append(byte)
            case 0..<0x20: out += replacement
            case 0xBE, 0xBF:
                out.append(byte)
                if before == (0xEF, 0xBF) {
                    out.removeLast(3)
                    out += replacement
                }
            default: out.append(byte)
            }
            before = (before.1, byte)
        }
    }
}
