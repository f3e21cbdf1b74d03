import Model
import Testing
import WebDAV

struct IfHeaderTests {
    private static let a = StateToken(bits: Bits128(high: 0, low: 0xA))
    private static let b = StateToken(bits: Bits128(high: 0, low: 0xB))
    /// What stands for tokens and their resources below.
    private static let tree = ServedTree(
        base: .root, isBelowPrefix: true, authority: utf8("example.org"))

    private static func expand(_ field: String) -> [UInt8] {
        var result = utf8("")
        for character in field {
            switch character {
            case "α": result += a.codedURL
            case "β": result += b.codedURL
            default: result += utf8(String(character))
            }
        }
        return result
    }

    private func header(_ field: String) throws -> IfHeader {
        try IfHeader(field: Self.expand(field)[...], in: Self.tree)
    }

    /// `/f` is locked with α and has a tag; `/g` is locked with β; nothing else is there.
    private func state(_ resource: StorePath) -> IfHeader.State {
        switch resource.text {
        case "/f": .init(entityTag: utf8("\"e\""), tokens: [Self.a])
        case "/g": .init(entityTag: utf8("\"g\""), tokens: [Self.b])
        default: .init(entityTag: nil, tokens: [])
        }
    }

    @Test(arguments: [
        ("(α)", true), ("(β)", false), ("(Not α)", false), ("(Not β)", true),
        ("( not β )", true), ("([\"e\"])", true), ("([W/\"e\"])", true), ("([\"f\"])", false),
        ("(Not [\"f\"])", true), ("(α [\"e\"])", true), ("(α [\"f\"])", false),
        ("(β) (α)", true), ("(β)(β)", false), ("(<DAV:no-lock>)", false),
        ("(Not <DAV:no-lock>)", true),
        // litmus: cond_put_with_not, complex_cond_put, fail_complex_cond_put.
        ("(α) (Not <DAV:no-lock>)", true),
        ("(α [\"e\"]) (Not <DAV:no-lock> [\"e\"])", true),
        ("(α [\"f\"]) (Not <DAV:no-lock> [\"f\"])", false),
        ("(β) (Not <DAV:no-lock>)", true),
        // With resources.
        ("</f> (α)", true), ("</dav/f> (α)", true), ("<http://example.org/f>(α)", true),
        ("</g> (α)", false), ("</g> (β)", true), ("</none> (Not α)", true),
        ("</none> ([\"e\"])", false), ("</g> (α) (β)", true), ("</g> (α) </f> (α)", true),
        ("</f> (β) </g> (α)", false), ("<http://other.org/f> (α)", false),
        ("<http://other.org/f> (Not α)", true), ("</f/> (α)", true),
    ])
    func conditionsAreJudged(field: String, expected: Bool) throws {
        #expect(try header(field).holds(of: path("/f"), state) == expected)
    }

    @Test(arguments: [
        ("([\"e\"])", true), ("(α [\"e\"])", true), ("(Not [\"x\"])", true),
        ("</f> ([\"e\"])", true),
        ("([\"e\"]) (α [\"e\"])", true), ("([\"e\"]) (β)", true),
        // It would hold whatever took the file's place.
        ("(α)", false), ("([\"e\"]) (α)", false), ("(α [\"e\"]) (Not <DAV:no-lock>)", false),
        ("</g> ([\"g\"])", false), ("</g> ([\"g\"]) </f> ([\"e\"])", false),
        // It does not hold.
        ("([\"x\"])", false),
    ])
    func whatHoldsByATagIsDoneToNothingElse(field: String, expected: Bool) throws {
        #expect(try header(field).holdsByTag(of: path("/f"), state) == expected)
    }

    @Test func tokensAreSubmittedWhereverTheyStand() throws {
        #expect(try header("(α)").tokens == [Self.a])
        #expect(try header("(Not α [\"x\"]) (β)").tokens == [Self.a, Self.b])
        #expect(try header("</x> (α) <http://other.org/> (β)").tokens == [Self.a, Self.b])
        #expect(try header("(<DAV:no-lock>)").tokens == [])
    }

    @Test func itsResourcesAreKnownBeforehand() throws {
        #expect(try header("(α)").resources(of: path("/f")) == [path("/f")])
        #expect(
            try header("</a> (α) </b/> (β) <http://other.org/c> (α)").resources(of: path("/f"))
                == [path("/a"), path("/b")])
    }

    @Test(arguments: [
        "", " ", "()", "( )", "(", "(α", "α", "<", "</f>", "</f> </g> (α)", "(α) </f> (α)",
        "(α) </f>", "(α) x", "(foo)", "(<>)", "([e])", "([\"e])", "([\"e\")", "([e\"])", "(Not)",
        "(Not Not α)", "(α,β)", "(α))", "</../x> (α)", "<x> (α)", "</f?q> (α)", "(αβ", "[\"e\"]",
        "(W/\"e\")", "(<a)",
    ])
    func otherHeadersAre400(field: String) {
        #expect(
            status { () throws(DAVFault) in
                _ = try IfHeader(field: Self.expand(field)[...], in: Self.tree)
            } == .badRequest)
    }

    @Test func sizesAreLimited() {
        func status(_ field: String) -> DAVStatus? {
            WebDAVTests.status { () throws(DAVFault) in
                _ = try IfHeader(field: Self.expand(field)[...], in: Self.tree)
            }
        }
        let lists = WebDAVLimits.ifListsMax
        #expect(status(String(repeating: "(α)", count: lists)) == nil)
        #expect(status(String(repeating: "(α)", count: lists + 1)) == .badRequest)
        let conditions = WebDAVLimits.ifConditionsMax
        #expect(status("(" + String(repeating: "α", count: conditions) + ")") == nil)
        #expect(
            status("(" + String(repeating: "α", count: conditions + 1) + ")") == .badRequest)
        let word = String(repeating: "x", count: WebDAVLimits.ifWordByteCountMax)
        #expect(status("(<\(word)>)") == nil)
        #expect(status("(<\(word)x>)") == .badRequest)
        #expect(status("([\"\(word)x\"])") == .badRequest)
    }

    @Test func everyTruncationIsRefused() {
        let whole = Self.expand("</f> (α Not [W/\"e\"]) </g> (β)")
        for count in whole.indices where ![1].contains(count) {
            let status = status { () throws(DAVFault) in
                _ = try IfHeader(field: whole[..<count], in: Self.tree)
            }
            // The first list may stand alone.
            let first = Self.expand("</f> (α Not [W/\"e\"])").count
            if count == first || count == first + 1 {
                #expect(status == nil)
            } else {
                #expect(status == .badRequest)
            }
        }
    }
}
