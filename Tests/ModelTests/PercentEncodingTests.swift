import Model
import Testing

/// Percent encoding (RFC 3986, section 2.1).
@Suite struct PercentEncodingTests {
    @Test func everyByteComesBack() {
        let all = [UInt8](0...255)
        for keepingSlash in [true, false] {
            let text = PercentEncoding.encode(all[...], keepingSlash: keepingSlash)
            #expect(PercentEncoding.decode(text[...]) == all)
            #expect(text.contains(0x2F) == keepingSlash)
        }
    }

    @Test func onlyUnreservedCharactersStandForThemselves() {
        let text = PercentEncoding.encode([UInt8]("aZ09-._~ +%é/".utf8)[...], keepingSlash: true)
        #expect(text == [UInt8]("aZ09-._~%20%2B%25%C3%A9/".utf8))
    }

    @Test(arguments: ["%", "%2", "a%zz", "%2g", "%%20"])
    func aBrokenEscapeIsNone(_ text: String) {
        #expect(PercentEncoding.decode([UInt8](text.utf8)[...]) == nil)
    }

    @Test func aTextIsDecodedOnce() {
        let text = [UInt8]("a%2525+b".utf8)[...]
        #expect(PercentEncoding.decode(text) == [UInt8]("a%25+b".utf8))
        #expect(PercentEncoding.decode(text, plusIsSpace: true) == [UInt8]("a%25 b".utf8))
    }
}
