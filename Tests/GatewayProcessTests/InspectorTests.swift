import IPC
import Model
import Testing

@testable import GatewayProcess

/// `/api/crdt/…`: questions as they reach the store, and its answers as clients see them.
@Suite struct InspectorTests {
    private static func bytes(_ text: String) -> [UInt8] { [UInt8](text.utf8) }

    private func ask(
        _ path: String, _ answer: InspectResponse
    ) throws -> (answer: ClusterBench.Answer, asked: [InspectRequest]) {
        let cluster = try ClusterBench()
        cluster.inspected = answer
        return (try cluster.ask("GET", path), cluster.inspections)
    }

    @Test func aListIsAPageOfWhatIsBelow() throws {
        let items = InspectResponse.items(
            [
                .init(key: Self.bytes("nodes/a/"), isDirectory: true, count: 2, isDeleted: false),
                .init(key: Self.bytes("nodes/ü"), isDirectory: false, count: 0, isDeleted: true),
            ], next: Self.bytes("nodes/ü"))
        let (answer, asked) = try ask("/api/crdt/list?prefix=nodes/&after=nodes/A&limit=2", items)
        #expect(
            asked == [
                .list(prefix: Self.bytes("nodes/"), after: Self.bytes("nodes/A"), limit: 2)
            ])
        #expect(
            answer.body == #"{"prefix":"nodes/","items":["#
                + #"{"name":"a","key":"nodes/a/","type":"dir","count":2},"#
                + #"{"name":"ü","key":"nodes/ü","type":"key","deleted":1}],"#
                + #""has_more":true,"next_after":"nodes/ü"}"#)
    }

    @Test(arguments: ["0", "2001", "x", "-1", ""])
    func aLimitThatIsNoneIsTheUsualOne(limit: String) throws {
        let (answer, asked) = try ask("/api/crdt/list?limit=\(limit)", .items([], next: nil))
        #expect(answer.status == 200)
        #expect(asked == [.list(prefix: [], after: [], limit: 100)])
        #expect(answer.json["next_after"] == .string(""))
    }

    @Test func aValueIsJSONAndText() throws {
        let value = InspectResponse.value(json: Self.bytes(#"{"a":"\""}"#), isDeleted: false)
        let (answer, asked) = try ask("/api/crdt/get?key=settings/x", value)
        #expect(asked == [.get(key: Self.bytes("settings/x"))])
        #expect(answer.json["deleted"] == .bool(false))
        #expect(answer.json["size"] == .number("10"))
        #expect(answer.json["value_json"]?["a"] == .string("\""))
        #expect(answer.json["value_text"] == .string(#"{"a":"\""}"#))
        let (nothing, _) = try ask("/api/crdt/get?key=x", .value(json: nil, isDeleted: false))
        #expect(nothing.body == #"{"key":"x","deleted":false,"size":0}"#)
    }

    @Test(arguments: ["search", "search?q=", "search?q=%FF", "get", "get?key=", "list?prefix=%FF"])
    func whatIsNoQuestionAsksNobody(query: String) throws {
        let (answer, asked) = try ask("/api/crdt/\(query)", .items([], next: nil))
        #expect(answer.status == 400)
        #expect(asked.isEmpty)
    }

    @Test func aSearchNamesWhatItSearched() throws {
        let (answer, asked) = try ask(
            "/api/crdt/search?q=a%20b&prefix=files/", .items([], next: nil))
        #expect(
            asked == [
                .search(
                    prefix: Self.bytes("files/"), text: Self.bytes("a b"), after: [], limit: 100)
            ])
        #expect(
            answer.body
                == #"{"prefix":"files/","q":"a b","items":[],"has_more":false,"next_after":""}"#)
    }
}
