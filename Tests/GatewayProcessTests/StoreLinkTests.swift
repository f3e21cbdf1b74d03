import IPC
import Model
import NIOCore
import NIOEmbedded
import Posix
import Testing

@testable import GatewayProcess

@Suite struct StoreLinkTests {
    private func path(_ text: String) throws -> StorePath {
        try StorePath(validating: [UInt8](text.utf8))
    }

    private func lookup(_ text: String) throws -> StoreRequest {
        .lookup(LookupRequest(path: try path(text), wantsContent: true))
    }

    private func code(_ reply: StoreReply?) -> RemoteError.Code? {
        if case .failed(let error) = reply { error.code } else { nil }
    }

    private func paths(_ bench: Bench) throws -> [String] {
        try bench.store.received.filter { $0.type == .lookup }.map {
            try $0.message(LookupRequest.self).path.text
        }
    }

    @Test func callsMadeBeforeTheStoreIsThereAreSentOnceItIs() throws {
        let bench = try Bench(connects: false)
        var replies = 0
        bench.context.link.call(try lookup("/a")) { _ in replies += 1 }
        bench.context.link.call(try lookup("/b")) { _ in replies += 1 }
        bench.advance(seconds: 1)
        #expect(bench.store.connectCount > 3)
        bench.store.isListening = true
        bench.advance(seconds: 1)
        #expect(try paths(bench) == ["/a", "/b"])
        #expect(replies == 0)
    }

    @Test func unansweredCallsAreSentAgainInOrderAfterTheClaim() throws {
        let bench = try Bench()
        var replies: [StoreReply] = []
        let operation = bench.context.makeOperationID()
        bench.context.link.call(try lookup("/a")) { replies.append($0) }
        bench.context.link.call(
            .beginUpload(
                BeginUploadRequest(
                    operation: operation, path: try path("/u"), conditions: .none, byteCount: nil))
        ) { replies.append($0) }
        bench.context.link.call(try lookup("/b")) { replies.append($0) }
        bench.store.pump()
        #expect(bench.store.types() == [.lookup, .beginUpload, .lookup])
        bench.store.die()
        bench.context.link.call(try lookup("/c")) { replies.append($0) }
        bench.store.received = []
        bench.store.isListening = true
        bench.advance(seconds: 1)
        #expect(bench.store.types() == [.claimUploads, .lookup, .beginUpload, .lookup, .lookup])
        #expect(try paths(bench) == ["/a", "/b", "/c"])
        let claim = try bench.store.received[0].message(OperationList.self)
        #expect(claim.operations == [operation])
        let begin = try bench.store.received[2].message(BeginUploadRequest.self)
        #expect(begin.operation == operation)
        #expect(replies.isEmpty)
    }

    @Test func aWriteThatIsSentAgainKeepsItsOperation() throws {
        let bench = try Bench()
        try bench.send("PUT /api/files/a HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi")
        let first = try bench.store.received[0].message(PutRequest.self)
        bench.store.die()
        bench.store.received = []
        bench.store.isListening = true
        bench.answerEverything()
        bench.advance(seconds: 1)
        let second = try bench.store.received[0].message(PutRequest.self)
        #expect(first == second)
        #expect(try bench.output().hasPrefix("HTTP/1.1 201"))
    }

    @Test func aReadWaitsThroughADeathOfTheStore() throws {
        let bench = try Bench()
        try bench.send(ConnectionTests.get)
        bench.store.die()
        bench.advance(seconds: 15)
        #expect(try bench.output() == "")
        bench.store.isListening = true
        bench.answerEverything()
        bench.advance(seconds: 1)
        #expect(try bench.output().hasSuffix("hello"))
    }

    @Test func aCallWithoutAStoreEndsInTime() throws {
        let bench = try Bench(connects: false)
        try bench.send(ConnectionTests.get)
        bench.advance(seconds: 19)
        #expect(try bench.output() == "")
        bench.advance(seconds: 2)
        let output = try bench.output()
        #expect(output.hasPrefix("HTTP/1.1 503"))
        #expect(output.contains("Retry-After: 1\r\n"))
    }

    @Test func aWriteWithoutAnAnswerSaysThatItsOutcomeIsUnknown() throws {
        let bench = try Bench()
        try bench.send("PUT /api/files/a HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi")
        bench.advance(seconds: 21)
        #expect(try bench.output().hasPrefix("HTTP/1.1 504"))
    }

    @Test func aLateAnswerIsTakenWithItsDescriptorAndDropped() throws {
        let bench = try Bench()
        var replies: [StoreReply] = []
        bench.context.link.call(try lookup("/a"), seconds: 1) { replies.append($0) }
        bench.store.pump()
        bench.advance(seconds: 2)
        #expect(code(replies.first) == .unavailable)
        bench.context.link.call(try lookup("/b")) { replies.append($0) }
        bench.store.pump()
        let late = try TemporaryFile([1])
        let file = try TemporaryFile([2])
        bench.store.answerLate(
            bench.store.received[0], LookupResponse.descriptor(Bench.facts), late)
        #expect(replies.count == 1)
        bench.store.answer(bench.store.received[1], LookupResponse.descriptor(Bench.facts), file)
        bench.store.flush()
        #expect(replies.count == 2)
        guard case .found(.descriptor, let box) = replies.last else {
            Issue.record("no descriptor: \(replies)")
            return
        }
        let taken = try #require(box)
        let content = try taken.borrow { try FileIO.read($0, count: 2, at: 0) }
        #expect(content == [2])
    }

    @Test func aDescriptorOfAnotherRequestEndsTheLink() throws {
        let bench = try Bench()
        var replies: [StoreReply] = []
        bench.context.link.call(try lookup("/a")) { replies.append($0) }
        bench.store.pump()
        let file = try TemporaryFile([1])
        bench.store.answer(
            bench.store.received[0], LookupResponse.descriptor(Bench.facts), file, id: 77)
        bench.store.flush()
        #expect(replies.isEmpty)
        #expect(bench.store.channel?.isActive == false)
        bench.advance(seconds: 1)
        // And is asked again on the next one.
        #expect(bench.store.connectCount == 2)
        #expect(bench.store.types() == [.lookup, .lookup])
    }

    @Test func anAnnouncedDescriptorThatIsMissingEndsTheLink() throws {
        let bench = try Bench()
        var replies: [StoreReply] = []
        bench.context.link.call(try lookup("/a")) { replies.append($0) }
        bench.store.pump()
        let frame = FrameWriter.frame(
            LookupResponse.descriptor(Bench.facts), type: .lookup,
            flags: [.response, .descriptor], requestID: bench.store.received[0].id)
        _ = try? bench.store.channel?.writeInbound(ByteBuffer(bytes: frame))
        #expect(replies.isEmpty)
        #expect(bench.store.channel?.isActive == false)
    }

    @Test func malformedFramesEndTheLinkAndNothingElse() throws {
        let bench = try Bench()
        var replies: [StoreReply] = []
        bench.context.link.call(try lookup("/a")) { replies.append($0) }
        bench.store.pump()
        _ = try? bench.store.channel?.writeInbound(ByteBuffer(repeating: 0xFF, count: 64))
        #expect(bench.store.channel?.isActive == false)
        bench.answerEverything()
        bench.advance(seconds: 1)
        #expect(replies.count == 1)
    }

    @Test func callsBeyondTheCreditWaitForIt() throws {
        let bench = try Bench()
        var count = 0
        for index in 0..<40 {
            bench.context.link.call(try lookup("/\(index)")) { _ in count += 1 }
        }
        bench.store.pump()
        #expect(bench.store.received.count == 16)
        #expect(bench.context.link.queuedCount == 40)
        while let request = bench.store.received.first, count < 40 {
            bench.store.received.removeFirst()
            bench.store.fail(request, .notFound)
            bench.store.flush()
            bench.store.pump()
        }
        #expect(count == 40)
        #expect(bench.context.link.queuedCount == 0)
    }

    @Test func tooManyWaitingCallsAreRefused() throws {
        let bench = try Bench(connects: false)
        var refused = 0
        for _ in 0..<(GatewayLimits.waitingCallsMax + 5) {
            bench.context.link.call(try lookup("/a")) { reply in
                if code(reply) == .unavailable { refused += 1 }
            }
        }
        #expect(refused == 5)
    }
}
