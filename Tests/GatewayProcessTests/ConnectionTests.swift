import IPC
import NIOCore
import NIOEmbedded
import Testing

@testable import GatewayProcess

@Suite struct ConnectionTests {
    static let get = "GET /api/files/a.txt HTTP/1.1\r\nHost: h\r\n\r\n"

    private func statuses(_ output: String) -> [String] {
        output.components(startingAt: "HTTP/1.1 ").map { String($0.prefix(3)) }
    }

    @Test func aConnectionServesOneRequestAfterAnother() throws {
        let bench = try Bench()
        bench.answerEverything()
        for _ in 0..<3 {
            try bench.send(Self.get)
            let output = try bench.output()
            #expect(output.hasPrefix("HTTP/1.1 200 OK\r\n"))
            #expect(output.hasSuffix("\r\n\r\nhello"))
            #expect(!output.contains("Connection:"))
        }
        #expect(!bench.isClosed)
    }

    @Test func pipelinedRequestsAreAnsweredInOrder() throws {
        let bench = try Bench()
        bench.answerEverything()
        try bench.send(Self.get + "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n" + Self.get)
        let output = try bench.output()
        #expect(statuses(output) == ["200", "200", "200"])
        #expect(output.contains("ok\nHTTP/1.1 200 OK"))
    }

    @Test func requestsMayArriveByteByByte() throws {
        let bench = try Bench()
        bench.answerEverything()
        let put =
            "PUT /api/files/b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
            + "5\r\nhello\r\n0\r\n\r\n"
        for byte in (Self.get + put).utf8 { try bench.send([byte]) }
        #expect(statuses(try bench.output()) == ["200", "201"])
    }

    @Test func theNextRequestWaitsForTheAnswerBefore() throws {
        let bench = try Bench()
        try bench.send(Self.get + Self.get)
        #expect(bench.store.types() == [.lookup])
        bench.store.fail(bench.store.received[0], .notFound)
        bench.store.flush()
        bench.store.pump()
        #expect(bench.store.types() == [.lookup, .lookup])
        #expect(statuses(try bench.output()) == ["404"])
    }

    @Test func pipeliningStopsTheReading() throws {
        let bench = try Bench()
        try bench.send(Self.get)
        let flood = String(repeating: Self.get, count: 1000)
        try bench.send(flood)
        let before = bench.socket.readCount
        bench.store.pump()
        #expect(bench.socket.readCount == before)
        // Nothing but the first one was taken from what waits.
        #expect(bench.store.types() == [.lookup])
    }

    @Test func aClientThatReadsNothingIsAnsweredNoMore() throws {
        let bench = try Bench()
        bench.answerEverything()
        bench.client.isWritable = false
        try bench.send(Self.get + Self.get)
        #expect(bench.store.received.isEmpty)
        bench.client.isWritable = true
        bench.client.pipeline.fireChannelWritabilityChanged()
        bench.store.pump()
        #expect(statuses(try bench.output()) == ["200", "200"])
    }

    @Test func expectContinueIsAnsweredWhenTheBodyIsWanted() throws {
        let bench = try Bench()
        bench.answerEverything()
        try bench.send(
            "PUT /api/files/b HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n"
                + "Expect: 100-continue\r\n\r\n")
        #expect(try bench.output() == "HTTP/1.1 100 Continue\r\n\r\n")
        try bench.send("hello")
        #expect(statuses(try bench.output()) == ["201"])
    }

    @Test func expectContinueIsNotAnsweredWhereTheRequestFails() throws {
        let bench = try Bench()
        bench.store.onRequest = { store, request in
            store.fail(request, .preconditionFailed)
            return true
        }
        try bench.send(
            "PUT /api/files/b HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n"
                + "Expect: 100-continue\r\n\r\n")
        let output = try bench.output()
        #expect(statuses(output) == ["412"])
        #expect(output.contains("Connection: close\r\n"))
        #expect(bench.isClosed)
    }

    @Test func anErrorIsAnsweredWhileTheClientStillSends() throws {
        let bench = try Bench()
        bench.store.onRequest = { store, request in
            store.fail(request, .noSpace)
            return true
        }
        try bench.send(
            "PUT /api/files/b HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\nabc")
        let output = try bench.output()
        #expect(statuses(output) == ["507"])
        #expect(output.contains("Connection: close\r\n"))
    }

    @Test func aShortRestOfABodyIsReadAndTheConnectionKept() throws {
        let bench = try Bench()
        bench.answerEverything()
        try bench.send("POST /status HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n01234")
        #expect(statuses(try bench.output()) == ["405"])
        try bench.send("56789" + Self.get)
        #expect(statuses(try bench.output()) == ["200"])
    }

    @Test(arguments: [
        "GET / HTTP/1.1\r\n\r\n", "\u{16}\u{3}\u{1}\n", "GET / HTTP/1.1\r\nHost : h\r\n\r\n",
        "PUT /api/files/b HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n"
            + "Transfer-Encoding: chunked\r\n\r\n",
    ])
    func malformedRequestsAreAnsweredAndTheConnectionCloses(_ text: String) throws {
        let bench = try Bench()
        try bench.send(text + Self.get)
        let output = try bench.output()
        #expect(statuses(output) == ["400"])
        #expect(output.contains("Connection: close\r\n"))
        #expect(bench.isClosed)
        #expect(bench.store.received.isEmpty)
    }

    @Test func aBadChunkKeepsNothing() throws {
        let bench = try Bench()
        bench.answerEverything()
        try bench.send(
            "PUT /api/files/b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                + "5\r\nhello\r\nzz\r\n")
        #expect(statuses(try bench.output()) == ["400"])
        #expect(bench.store.received.isEmpty)
        #expect(bench.isClosed)
    }

    @Test func aBodyShorterThanItsLengthKeepsNothing() throws {
        let bench = try Bench()
        bench.answerEverything()
        try bench.send("PUT /api/files/b HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nhello")
        bench.client.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        bench.loop.run()
        #expect(bench.store.received.isEmpty)
        #expect(bench.isClosed)
    }

    @Test func aClientThatEndsItsSideIsStillAnswered() throws {
        let bench = try Bench()
        try bench.send(Self.get)
        bench.client.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        bench.loop.run()
        bench.store.fail(bench.store.received[0], .notFound)
        bench.store.flush()
        #expect(statuses(try bench.output()) == ["404"])
        #expect(bench.isClosed)
    }

    @Test func slowHeadsTimeOut() throws {
        let bench = try Bench()
        for byte in "GET / HT".utf8 {
            try bench.send([byte])
            bench.advance(seconds: 1)
        }
        #expect(!bench.isClosed)
        bench.advance(seconds: 3)
        #expect(statuses(try bench.output()) == ["408"])
        #expect(bench.isClosed)
    }

    @Test func idleConnectionsAreClosedWithoutAWord() throws {
        let bench = try Bench()
        bench.answerEverything()
        bench.advance(seconds: 30)
        try bench.send(Self.get)
        _ = try bench.output()
        bench.advance(seconds: 59)
        #expect(!bench.isClosed)
        bench.advance(seconds: 2)
        #expect(bench.isClosed)
        #expect(try bench.output() == "")
    }

    @Test func bodiesThatStopTimeOut() throws {
        let bench = try Bench()
        try bench.send("PUT /api/files/b HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nhe")
        bench.advance(seconds: 50)
        try bench.send("l")
        bench.advance(seconds: 50)
        #expect(!bench.isClosed)
        bench.advance(seconds: 11)
        #expect(statuses(try bench.output()) == ["408"])
        #expect(bench.isClosed)
    }

    @Test func tooLargeBodiesAreRefusedBothWays() throws {
        let known = try Bench(["max_body_bytes": "10"])
        try known.send("PUT /api/files/b HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\n")
        #expect(statuses(try known.output()) == ["413"])
        let chunked = try Bench(["max_body_bytes": "10"])
        try chunked.send(
            "PUT /api/files/b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                + "B\r\nhello world\r\n0\r\n\r\n")
        #expect(statuses(try chunked.output()) == ["413"])
        #expect(chunked.store.received.isEmpty)
    }

    @Test func olderClientsGetTheirConnectionClosed() throws {
        let bench = try Bench()
        bench.answerEverything()
        try bench.send("GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        #expect(try bench.output().contains("Connection: keep-alive\r\n"))
        try bench.send("GET /healthz HTTP/1.0\r\n\r\n")
        #expect(try bench.output().contains("Connection: close\r\n"))
        #expect(bench.isClosed)
    }

    @Test func drainingServesWhatComesAndThenCloses() throws {
        let bench = try Bench()
        bench.answerEverything()
        var isEmpty = false
        bench.context.drain { isEmpty = true }
        #expect(!isEmpty)
        try bench.send(Self.get)
        let output = try bench.output()
        #expect(statuses(output) == ["200"])
        #expect(output.contains("Connection: close\r\n"))
        #expect(bench.isClosed)
        #expect(isEmpty)
    }

    /// The head of an answer under way promised to keep the connection.
    @Test func drainingKeepsWhatAnAnswerUnderWayPromised() throws {
        let bench = try Bench()
        try bench.send("GET /api/files/?limit=2000 HTTP/1.1\r\nHost: h\r\n\r\n")
        let page = (0..<1000).map {
            ListResponse.Entry.file(name: [UInt8]("f\($0)".utf8), Bench.facts)
        }
        bench.store.answer(bench.store.received[0], ListResponse(entries: page, hasMore: true))
        bench.store.flush()
        #expect(!(try bench.output().contains("Connection:")))
        bench.store.pump()
        bench.context.drain {}
        bench.store.answer(bench.store.received[1], ListResponse(entries: [], hasMore: false))
        bench.store.flush()
        #expect(try bench.output().hasSuffix("\r\n0\r\n\r\n"))
        #expect(!bench.isClosed)
        bench.answerEverything()
        try bench.send(Self.get)
        let last = try bench.output()
        #expect(statuses(last) == ["200"])
        #expect(last.contains("Connection: close\r\n"))
        #expect(bench.isClosed)
    }

    @Test func drainingClosesWhatStaysIdle() throws {
        let bench = try Bench()
        var isEmpty = false
        bench.context.drain { isEmpty = true }
        bench.advance(seconds: GatewayLimits.drainIdleSeconds - 1)
        #expect(!isEmpty)
        bench.advance(seconds: 2)
        #expect(isEmpty)
        #expect(bench.isClosed)
    }

    @Test func anAnswerToAClientThatLeftIsDropped() throws {
        let bench = try Bench()
        try bench.send(Self.get)
        bench.client.close(promise: nil)
        bench.loop.run()
        #expect(bench.context.connections.isEmpty)
        bench.store.answer(
            bench.store.received[0], LookupResponse.inline(Bench.facts, [UInt8]("hello".utf8)))
        bench.store.flush()
        #expect(try bench.output() == "")
    }
}

extension String {
    /// The parts that begin with `mark`.
    func components(startingAt mark: String) -> [String] {
        var parts: [String] = []
        var rest = self[...]
        while let found = rest.firstRange(of: mark) {
            rest = rest[found.upperBound...]
            parts.append(String(rest))
        }
        return parts
    }
}
