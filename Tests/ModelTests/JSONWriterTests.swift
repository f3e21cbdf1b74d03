import Model
import Testing

struct JSONWriterTests {
    private func written(_ body: (inout JSONWriter) -> Void) -> String {
        var json = JSONWriter()
        body(&json)
        return json.text
    }

    @Test func commasStandBetweenMembersAndElements() {
        let text = written {
            $0.object {
                $0.member("a", 1)
                $0.member("b") { $0.array([1, 2, 3]) { $0.value($1) } }
                $0.member("c") { $0.object { $0.member("d", true) } }
                $0.member("e") { $0.array { _ in } }
                $0.member("f") { $0.null() }
            }
        }
        #expect(text == #"{"a":1,"b":[1,2,3],"c":{"d":true},"e":[],"f":null}"#)
    }

    @Test func everyControlCharacterIsEscaped() {
        #expect(written { $0.value("a\"b\\c\nd\re\tf") } == #""a\"b\\c\nd\re\tf""#)
        #expect(written { $0.value("\u{0}\u{1f}\u{7f}") } == #""\u0000\u001f\u007f""#)
        for byte in UInt8(0)..<0x20 {
            let bytes = Array(written { $0.value(utf8: [byte]) }.utf8)
            #expect(bytes.allSatisfy { $0 >= 0x20 })
        }
    }

    @Test func textBeyondASCIIStaysAsItIs() {
        #expect(written { $0.value("Größe 📷") } == "\"Größe 📷\"")
    }

    @Test func numbersAreExact() {
        #expect(written { $0.value(UInt64.max) } == "18446744073709551615")
        #expect(written { $0.value(Int64.min) } == "-9223372036854775808")
        #expect(written { $0.value(0.5) } == "0.5")
        #expect(written { $0.value(Double.nan) } == "null")
    }

    @Test func aKeyIsEscapedLikeAnyText() {
        #expect(written { $0.object { $0.member("a\"", "b") } } == #"{"a\"":"b"}"#)
    }
}
