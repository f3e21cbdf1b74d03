import Model
import Testing

struct JSONReaderTests {
    private func read(_ text: String, _ limits: JSONLimits = .request) throws -> JSONValue {
        try JSONReader.read([UInt8](text.utf8), limits: limits)
    }

    private func reason(
        _ bytes: [UInt8], _ limits: JSONLimits = .request
    ) -> JSONFault.Reason? {
        do throws(JSONFault) {
            _ = try JSONReader.read(bytes, limits: limits)
            return nil
        } catch {
            return error.reason
        }
    }

    private func reason(_ text: String, _ limits: JSONLimits = .request) -> JSONFault.Reason? {
        reason([UInt8](text.utf8), limits)
    }

    @Test func valuesOfEveryKind() throws {
        #expect(try read("null") == .null)
        #expect(try read(" true\n") == .bool(true))
        #expect(try read("\tfalse\r") == .bool(false))
        #expect(try read("\"\"") == .string(""))
        #expect(try read("[]") == .array([]))
        #expect(try read("[ 1 , [ ] ,{ } ]") == .array([.number("1"), .array([]), .object([])]))
        let object = try read(#"{"b": {"c": [null]}, "a": "x"}"#)
        #expect(
            object
                == .object([
                    .init("b", .object([.init("c", .array([.null]))])), .init("a", .string("x")),
                ]))
        #expect(object["b"]?["c"]?.elements == [.null])
        #expect(object["a"]?.text == "x")
        #expect(object["z"] == nil)
        #expect(object["a"]?["x"] == nil)
        #expect(try read("true").truth == true)
        #expect(try read("1").truth == nil)
    }

    @Test(arguments: [
        "0", "-0", "7", "-12", "1.0", "1.50", "0.5", "1e2", "1E+2", "1.5e-10", "9007199254740993",
        "123456789012345678901234567890",
    ])
    func numbersKeepTheirText(text: String) throws {
        #expect(try read(text) == .number(text))
    }

    @Test(arguments: [
        ("0", 0), ("300", 300), ("-5", -5), ("9223372036854775807", Int64.max),
        ("-9223372036854775808", Int64.min),
    ])
    func wholeNumbersAreDigitsAlone(text: String, number: Int64) throws {
        #expect(try read(text).wholeNumber == number)
    }

    @Test(arguments: ["1.0", "1e2", "3E0", "-0", "0.0", "9223372036854775808", "\"3\"", "true"])
    func whatIsWrittenOtherwiseIsNoWholeNumber(text: String) throws {
        #expect(try read(text).wholeNumber == nil)
    }

    @Test(arguments: [
        "01", "-", "-x", "1.", "1.e2", "1e", "1e+", "-01", "00", "0123",
    ])
    func brokenNumbersAreRefused(text: String) {
        #expect(reason(text) == .badNumber)
    }

    @Test(arguments: [
        ("+1", JSONFault.Reason.unexpectedByte), (".5", .unexpectedByte),
        ("NaN", .unexpectedByte), ("Infinity", .unexpectedByte), ("0x10", .trailingBytes),
        ("1_000", .trailingBytes), ("1 2", .trailingBytes), ("{}}", .trailingBytes),
        ("true false", .trailingBytes), ("tru", .unexpectedEnd), ("trux", .unexpectedByte),
        ("nul", .unexpectedEnd), ("True", .unexpectedByte), ("", .unexpectedEnd),
        ("  ", .unexpectedEnd), ("[", .unexpectedEnd), ("[1", .unexpectedEnd),
        ("[1,", .unexpectedEnd), ("[1,]", .unexpectedByte), ("[,1]", .unexpectedByte),
        ("[1 2]", .unexpectedByte), ("[1}", .unexpectedByte), ("{\"a\":1,}", .unexpectedByte),
        ("{a:1}", .unexpectedByte), ("{1:1}", .unexpectedByte), ("{\"a\" 1}", .unexpectedByte),
        ("{\"a\":}", .unexpectedByte), ("{\"a\":1", .unexpectedEnd), ("{\"a\"", .unexpectedEnd),
        ("{'a':1}", .unexpectedByte), ("'a'", .unexpectedByte), ("// x\n1", .unexpectedByte),
        ("1 // x", .trailingBytes), ("1\0", .trailingBytes), ("\u{FEFF}1", .unexpectedByte),
        ("\u{A0}1", .unexpectedByte), ("\u{0B}1", .unexpectedByte), ("\"a", .unexpectedEnd),
        ("\"\\", .unexpectedEnd), ("\"\\u12", .unexpectedEnd),
    ])
    func whatTheGrammarHasNotIsRefused(text: String, expected: JSONFault.Reason) {
        #expect(reason(text) == expected)
    }

    @Test func stringsAreUnescapedOnce() throws {
        #expect(
            try read(#""\"\\\/\b\f\n\r\t\u0041\u00e9\u20AC\ud83d\ude00é😀""#)
                == .string("\"\\/\u{8}\u{c}\n\r\tAé€😀é😀"))
        #expect(try read(#""\\u0041""#) == .string("\\u0041"))
        #expect(try read(#""\u0000""#) == .string("\0"))
        #expect(try read("\"\u{7f}\"") == .string("\u{7f}"))
    }

    @Test(arguments: [
        #""\x""#, #""\u""#, #""\u12g4""#, #""\ud83d""#, #""\ud83dx""#, #""\ud83d\n""#,
        #""\ud83d\ud83d""#, #""\ude00""#, #""\U0041""#, #""\'""#,
    ])
    func brokenEscapesAreRefused(text: String) {
        #expect(reason(text) == .badEscape)
    }

    @Test func rawControlCharactersAreRefused() {
        for byte in UInt8(0)..<0x20 {
            #expect(reason([0x22, byte, 0x22]) == .badString, "\(byte)")
        }
    }

    @Test(
        arguments: [
            [0xFF], [0xC0, 0x80], [0xE2, 0x82], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80],
            [0x80],
        ] as [[UInt8]])
    func stringsAreUTF8(bytes: [UInt8]) {
        #expect(reason([0x22] + bytes + [0x22]) == .notUTF8)
        #expect(reason(bytes) == .unexpectedByte)
    }

    @Test func twoMembersOfOneNameAreRefused() throws {
        #expect(reason(#"{"a":1,"a":1}"#) == .duplicateName)
        #expect(reason(#"{"a":1,"\u0061":2}"#) == .duplicateName)
        #expect(reason(#"[{"a":{"b":1,"c":2,"b":3}}]"#) == .duplicateName)
        #expect(try read(#"{"a":{"a":1},"A":2}"#)["A"] == .number("2"))
    }

    @Test func everyLimitBindsAndIsReached() throws {
        let limits = JSONLimits(byteCountMax: 20, depthMax: 2, valueCountMax: 4)
        #expect(reason("\"123456789012345678\"", limits) == nil)
        #expect(reason("\"1234567890123456789\"", limits) == .tooLong)
        #expect(reason("1" + String(repeating: " ", count: 20), limits) == .tooLong)
        #expect(reason("[[1]]", limits) == nil)
        #expect(reason("[[[]]]", limits) == .tooDeep)
        #expect(reason(#"{"a":[{}]}"#, limits) == .tooDeep)
        #expect(reason("[1,2,3]", limits) == nil)
        #expect(reason("[1,2,3,4]", limits) == .tooManyValues)
        #expect(reason("[[],{},1]", limits) == nil)
        #expect(reason(#"{"a":1,"b":[2,3]}"#, limits) == .tooManyValues)
        let deep = String(repeating: "[", count: 60_000)
        #expect(reason(deep) == .tooDeep)
    }

    @Test func aFaultSaysWhere() {
        let error = #expect(throws: JSONFault.self) { try self.read("{\"a\": tru}") }
        #expect(error?.offset == 9)
        #expect(error?.description == "a character that cannot stand there (at byte 9)")
    }

    @Test func whatTheWriterWritesIsReadBack() throws {
        var json = JSONWriter()
        let text = "\"\\\u{0}\u{1f}\u{7f}\né😀/"
        json.object { json in
            json.member("text", text)
            json.member("whole", Int64.min)
            json.member("part", 0.1)
            json.member("list") { $0.array([true, false]) { $0.value($1) } }
            json.member("nothing") { $0.null() }
        }
        let value = try JSONReader.read(json.bytes)
        #expect(value.members?.map(\.name) == ["text", "whole", "part", "list", "nothing"])
        #expect(value["text"]?.text == text)
        #expect(value["whole"]?.wholeNumber == Int64.min)
        #expect(value["part"] == .number("0.1"))
        #expect(value["list"] == .array([.bool(true), .bool(false)]))
        #expect(value["nothing"] == .null)
    }

    /// Every prefix and every change of a byte is read or refused, and never more.
    @Test func brokenTextsDoNoHarm() throws {
        let whole = [UInt8](#"{"a":[1,-2.5e3,"x\u00e9\ud83d\ude00",true,null],"b":{"c":{}}}"#.utf8)
        #expect(reason(whole) == nil)
        for end in 0..<whole.count { #expect(reason(Array(whole[..<end])) != nil) }
        var rng = SplitMix64(seed: 7)
        var readCount = 0
        for _ in 0..<5000 {
            var bytes = whole
            for _ in 0..<Int.random(in: 1...3, using: &rng) {
                let at = Int.random(in: bytes.indices, using: &rng)
                bytes[at] = UInt8.random(in: 0...255, using: &rng)
            }
            if reason(bytes) == nil { readCount += 1 }
        }
        #expect(readCount > 0 && readCount < 5000)
    }
}
