import IPC
import Model
import NIOCore
import NIOEmbedded
import Testing

@testable import GatewayProcess

/// `/api/events`: what clients are told, and what they are told that they missed.
@Suite struct EventTests {
    private static let watch = "GET /api/events HTTP/1.1\r\nHost: h\r\n"

    /// A client that watches, and the store at the other end.
    private func bench(_ fields: String = "") throws -> Bench {
        let bench = try Bench()
        try bench.send(Self.watch + fields + "\r\n")
        return bench
    }

    private func notices(_ bench: Bench) -> [Bool] {
        bench.store.received.filter { $0.type == .watch }
            .compactMap { try? $0.message(WatchNotice.self).isOn }
    }

    private static func path(_ text: String) throws -> StorePath {
        try StorePath(validating: [UInt8](text.utf8))
    }

    @Test func whatTheStoreSaysIsToldInOrder() throws {
        let bench = try bench()
        let hello = try bench.output()
        #expect(hello.contains("Content-Type: text/event-stream\r\n"))
        #expect(hello.contains("event: hello\ndata: {\"node_id\":\"n1\"}\n\n"))
        #expect(notices(bench) == [true])
        bench.store.notify(
            EventsNotice(
                lostCount: 0,
                events: [
                    .file(try Self.path("/a"), version: Bench.facts.dot),
                    .file(try Self.path("/b"), version: nil),
                    .peer(ClusterBench.node("n2"), state: "dead"),
                    .progress("layout_synced", about: "0a"),
                ]), .events)
        let told = try bench.output()
        let expected = [
            "event: file\ndata: {\"path\":\"/a\",\"kind\":\"written\",\"version\":"
                + "\"\(Bench.facts.versionName)\"}\n\n",
            "event: file\ndata: {\"path\":\"/b\",\"kind\":\"deleted\",\"version\":null}\n\n",
            "event: peer\ndata: {\"node_id\":\"n2\",\"state\":\"dead\"}\n\n",
            "event: progress\ndata: {\"what\":\"layout_synced\",\"about\":\"0a\"}\n\n",
        ]
        var rest = told[...]
        for event in expected {
            let found = try #require(rest.firstRange(of: event), "\(event) in \(told)")
            rest = rest[found.upperBound...]
        }
        #expect(told.components(startingAt: "id: ").count == 4)
    }

    @Test func workersAreToldWhereTheyChanged() throws {
        let bench = try bench()
        _ = try bench.output()
        func say(_ state: String, _ generation: UInt64) throws -> String {
            bench.context.node = NodeStatus(
                facts: Settings([:]), started: Timestamp(nanoseconds: 0),
                workers: [
                    WorkerStatus(
                        name: "store", pid: 1, state: state, generation: generation, restarts: 0,
                        readySince: nil)
                ], warnings: [])
            return try bench.output()
        }
        #expect(try say("ready", 1).contains("\"state\":\"ready\""))
        #expect(try say("ready", 1).isEmpty)
        #expect(try say("ready", 2).contains("\"generation\":2"))
    }

    @Test func whatIsMissedIsSaid() throws {
        // A client that was here before.
        let bench = try bench("Last-Event-ID: x-5\r\n")
        #expect(try bench.output().contains("event: lost\ndata: {\"count\":null}\n\n"))
        // What the link lost.
        bench.store.notify(EventsNotice(lostCount: 7, events: []), .events)
        #expect(try bench.output().contains("event: lost\ndata: {\"count\":7}\n\n"))
        // The store died: what happened meanwhile is known to nobody.
        bench.store.die()
        bench.store.isListening = true
        bench.advance(seconds: 1)
        #expect(try bench.output().contains("event: lost\ndata: {\"count\":null}\n\n"))
        #expect(notices(bench) == [true, true])
    }

    @Test func aClientThatDoesNotReadLosesEvents() throws {
        let bench = try Bench()
        try bench.send("GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n")
        let exchange = try #require(bench.context.connections.first?.value).testExchange(bench)
        let stream = EventStream(exchange) { _ in }
        let event = [UInt8](repeating: 0x61, count: 1000)
        let room = GatewayLimits.eventByteCountMax / event.count
        for _ in 0..<room + 3 { stream.send(event) }
        // Two that the store could not tell; and what is no event is not missed.
        stream.send(event, events: 2)
        stream.send(event, events: 0)
        guard case .bytes(let waiting) = stream.next() else {
            Issue.record("nothing waits")
            return
        }
        #expect(waiting.readableBytes == room * event.count)
        guard case .bytes(let lost) = stream.next() else {
            Issue.record("nothing is said of what was lost")
            return
        }
        #expect(String(buffer: lost) == "event: lost\ndata: {\"count\":5}\n\n")
        guard case .wait = stream.next() else {
            Issue.record("there is more")
            return
        }
    }

    @Test func aCommentKeepsTheConnection() throws {
        let bench = try bench()
        _ = try bench.output()
        bench.advance(seconds: GatewayLimits.eventKeepAliveSeconds)
        #expect(try bench.output().contains(": still here\n\n"))
        bench.advance(seconds: 4 * GatewayLimits.progressSeconds)
        #expect(try bench.output().contains(": still here\n\n"))
        #expect(!bench.isClosed)
    }

    @Test func nobodyWatchesAnyMore() throws {
        let bench = try bench()
        bench.client.close(promise: nil)
        bench.loop.run()
        bench.store.pump()
        #expect(notices(bench) == [true, false])
    }

    @Test func aGatewayThatLeavesEndsTheAnswers() throws {
        let bench = try bench()
        _ = try bench.output()
        var isEmpty = false
        bench.context.drain { isEmpty = true }
        #expect(try bench.output().hasSuffix("0\r\n\r\n"))
        bench.advance(seconds: GatewayLimits.drainIdleSeconds + GatewayLimits.lingerSeconds + 1)
        #expect(isEmpty)
    }

    @Test func thereAreOnlySoManyClients() throws {
        let bench = try Bench()
        for _ in 0..<GatewayLimits.eventClientsMax {
            _ = try bench.connect(Self.watch + "\r\n")
        }
        try bench.send(Self.watch + "\r\n")
        #expect(try bench.output().hasPrefix("HTTP/1.1 503"))
    }
}

extension Connection {
    /// An exchange of a connection that has none.
    fileprivate func testExchange(_ bench: Bench) throws -> Exchange {
        var parser = RequestParser()
        var bytes = ByteBuffer(string: "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        guard case .head(let head) = parser.nextHead(&bytes) else {
            throw Problem(.badRequest, "no_head", "no head")
        }
        let exchange = Exchange(head: head, context: bench.context, connection: self)
        exchange.detach()
        return exchange
    }
}
