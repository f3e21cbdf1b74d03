import IPC
import Model
import Testing

@testable import GatewayProcess

@Suite struct IntegrityRouteTests {
    private func summary(_ id: UInt64, finished: UInt64? = nil) throws -> ScrubSummary {
        var summary = ScrubSummary(id: id)
        summary.finished = finished
        summary.fileCount = 10
        summary.verifiedCount = 8
        summary.damageCount = 2
        summary.repairedCount = 1
        summary.quarantinedCount = 1
        summary.damage = [
            .init(path: try StorePath(validating: "/ü".utf8), reason: "why", isRepaired: true),
            .init(path: try StorePath(validating: "/b".utf8), reason: "why"),
        ]
        summary.strayCount = 1
        summary.strays = ["objects/x"]
        return summary
    }

    private func response(_ summaries: [ScrubSummary?]) -> IntegrityResponse {
        IntegrityResponse(
            nodes: summaries.enumerated().map {
                .init(node: ClusterBench.node("n\($0 + 1)"), summary: $1)
            })
    }

    @Test func aCheckIsBegunAndTold() throws {
        let cluster = try ClusterBench()
        cluster.checks = [response([try summary(1_700_000_000_000)])]
        let begun = try cluster.ask("POST", "/api/integrity-check")
        #expect(begun.status == 202)
        #expect(begun.json["id"] == .string("1700000000000"))
        #expect(begun.json["status"] == .string("running"))
        #expect(begun.json["started_at"] == .string("2023-11-14T22:13:20Z"))
        #expect(begun.json["finished_at"] == .null)
        for (key, value) in [
            ("total_files", "10"), ("verified", "8"), ("corrupted", "2"), ("repaired", "1"),
            ("quarantined", "1"), ("strays", "1"),
        ] { #expect(begun.json[key] == .number(value), "\(key)") }
        #expect(begun.json["corrupted_files"] == .array([.string("/ü"), .string("/b")]))
        #expect(begun.json["stray_names"] == .array([.string("objects/x")]))
        #expect(begun.json["nodes"] == nil)
        cluster.checks = [response([try summary(1_700_000_000_000, finished: 1_700_000_000_500)])]
        let told = try cluster.ask("GET", "/api/integrity-check/1700000000000")
        #expect(told.status == 200)
        #expect(told.json["status"] == .string("completed"))
        #expect(try cluster.ask("GET", "/api/integrity-check").json == told.json)
        #expect(
            cluster.checksAsked == [
                IntegrityRequest(.begin, isOfCluster: false),
                IntegrityRequest(.tell, isOfCluster: false),
                IntegrityRequest(.tell, isOfCluster: false),
            ])
    }

    @Test func anotherChecksIdIsNotFound() throws {
        let cluster = try ClusterBench()
        cluster.checks = [response([try summary(5)])]
        #expect(try cluster.ask("GET", "/api/integrity-check/6").status == 404)
        #expect(try cluster.ask("GET", "/api/integrity-check/5").status == 200)
        #expect(try cluster.ask("GET", "/api/integrity-check/x").status == 404)
        cluster.checks = [response([nil])]
        #expect(try cluster.ask("GET", "/api/integrity-check").status == 404)
        #expect(try cluster.ask("POST", "/api/integrity-check?scope=moon").status == 400)
        let stranger = try ClusterBench(isFromLoopback: false)
        #expect(try stranger.ask("POST", "/api/integrity-check").status == 403)
    }

    @Test func whoWaitsIsAnsweredAtTheEnd() throws {
        let cluster = try ClusterBench()
        cluster.checks = [
            response([try summary(5)]), response([try summary(5, finished: 6)]),
        ]
        let done = try cluster.ask("POST", "/api/integrity-check?wait=1")
        #expect(done.status == 200)
        #expect(done.json["status"] == .string("completed"))
        #expect(cluster.checksAsked.map(\.order) == [.begin, .untilDone])
    }

    @Test func aCheckOfAllNodesIsTheirSum() throws {
        let cluster = try ClusterBench()
        cluster.checks = [
            response([try summary(5, finished: 7), try summary(6, finished: 9), nil])
        ]
        let told = try cluster.ask("POST", "/api/integrity-check?scope=cluster")
        #expect(told.json["id"] == .string("5-cluster"))
        #expect(told.json["total_files"] == .number("20"))
        #expect(told.json["corrupted_files"] == .array([.string("/ü"), .string("/b")]))
        // A node that does not answer is said, and not waited for.
        #expect(told.json["status"] == .string("completed"))
        let nodes = try #require(told.json["nodes"]?.elements)
        #expect(nodes.map { $0["status"]?.text } == ["completed", "completed", "unreachable"])
        #expect(nodes[1]["total_files"] == .number("10"))
        #expect(try cluster.ask("GET", "/api/integrity-check/5-cluster").status == 200)
        #expect(cluster.checksAsked.map(\.isOfCluster) == [true, true])
    }
}
