import Model
import Testing

@testable import GatewayProcess

@Suite struct RequestPathTests {
    private func decode(_ text: String) throws -> RequestPath {
        try RequestPath(decoding: [UInt8](text.utf8)[...])
    }

    @Test func theRootHasTwoSpellings() throws {
        #expect(try decode("") == decode("/"))
        #expect(try decode("/").isDirectory)
    }

    @Test func escapesAreDecodedOnce() throws {
        #expect(try decode("/a%20b%2541").path.text == "/a b%41")
        #expect(try decode("/a%2Fb/").path.text == "/a/b")
    }

    @Test func decomposedNamesAreComposed() throws {
        let composed = try decode("/caf%C3%A9").path
        #expect(try decode("/cafe%CC%81").path.bytes == composed.bytes)
        #expect(composed.bytes == [UInt8]("/caf".utf8) + [0xC3, 0xA9])
    }

    @Test(arguments: [
        "/..", "/%2e%2e", "/a/../b", "/a/%2E./b", "/..%2f..%2fetc", "/.", "//", "/a//b",
        "/a%00b", "/%", "/%4", "/%zz", "/%ff", "/%c3", "/%ed%a0%80",
    ])
    func badPathsAreRefused(_ text: String) {
        #expect(throws: Problem.self) { try decode(text) }
    }

    @Test func longNamesAreRefusedAndTheLongestAreNot() throws {
        let name = String(repeating: "x", count: 255)
        #expect(try decode("/\(name)").path.name.count == 255)
        #expect(throws: Problem.self) { try decode("/\(name)x") }
        let deep = String(repeating: "/\(name)", count: 17)
        #expect(throws: Problem.self) { try decode(deep) }
    }

    @Test func theURLOfAPathLeadsBackToIt() throws {
        let path = try StorePath(validating: [UInt8]("/a b/#?%41/ü\"'.txt".utf8))
        let url = RequestPath.url(of: path)
        let rest = url.dropFirst("/api/files".utf8.count)
        #expect(try RequestPath(decoding: rest).path == path)
        #expect(url.allSatisfy { $0 > 0x20 && $0 < 0x7F })
    }

    @Test func queriesAreDecoded() throws {
        let query = try #require(Query([UInt8]("a=1&b=x%20y+z&&c&a=2".utf8)[...]))
        #expect(query["a"] == [0x31])
        #expect(query["b"] == [UInt8]("x y z".utf8))
        #expect(query["c"] == [])
        #expect(query["d"] == nil)
        #expect(query.isSet("a"))
        #expect(Query([UInt8]("a=%4".utf8)[...]) == nil)
    }
}
