import IPC
import Model
import Testing

@testable import GatewayProcess

@Suite struct RestartRouteTests {
    /// What the supervisor is asked, and its answer.
    private func ask(
        _ path: String, _ answer: Result<Void, RemoteError> = .success(()), near: Bool = true
    ) throws -> (answer: ClusterBench.Answer, asked: [String]) {
        let cluster = try ClusterBench(isFromLoopback: near)
        var asked: [String] = []
        cluster.bench.context.restart = { worker, done in
            asked.append(worker)
            done(answer)
        }
        return (try cluster.ask("POST", path), asked)
    }

    @Test func theSupervisorRestartsAWorker() throws {
        let (answer, asked) = try ask("/api/workers/store/restart")
        #expect(answer.status == 200)
        #expect(answer.json["success"] == .bool(true))
        #expect(answer.json["worker"] == .string("store"))
        #expect(asked == ["store"])
    }

    @Test func whatTheSupervisorSaysIsPassedOn() throws {
        let unknown = try ask(
            "/api/workers/indexer/restart", .failure(RemoteError(.notFound, "no worker")))
        #expect(unknown.answer.status == 404)
        let early = try ask(
            "/api/workers/store/restart", .failure(RemoteError(.unavailable, "a moment ago")))
        #expect(early.answer.status == 503)
        #expect(early.answer.json["error"]?["message"] == .string("a moment ago"))
    }

    @Test(arguments: [
        "/api/workers/all/restart", "/api/workers//restart", "/api/workers/restart",
        "/api/workers/Store/restart", "/api/workers/a%2Fb/restart", "/api/workers/store/restart/x",
        "/api/workers/\(String(repeating: "x", count: 33))/restart",
    ])
    func whatNamesNoWorkerAsksNobody(path: String) throws {
        let (answer, asked) = try ask(path)
        #expect(answer.status == 404)
        #expect(asked.isEmpty)
    }

    @Test func ordersComeFromThisMachineAlone() throws {
        for path in ["/api/workers/store/restart", "/api/cluster-restart"] {
            let (answer, asked) = try ask(path, near: false)
            #expect(answer.status == 403)
            #expect(asked.isEmpty)
        }
    }

    @Test func theStoreRestartsTheCluster() throws {
        let cluster = try ClusterBench()
        let answer = try cluster.ask("POST", "/api/cluster-restart", "{}")
        #expect(answer.status == 202)
        #expect(answer.json["success"] == .bool(true))
        #expect(answer.json["nodes"] == .array([.string("n2"), .string("n1")]))
        #expect(try cluster.ask("POST", "/api/cluster-restart", #"{"now":true}"#).status == 400)
        #expect(try cluster.ask("GET", "/api/cluster-restart").status == 405)
    }

    @Test func aGatewayThatOnlyStartsSaysSo() throws {
        #expect(try ClusterBench().ask("POST", "/api/workers/store/restart").status == 503)
    }
}
