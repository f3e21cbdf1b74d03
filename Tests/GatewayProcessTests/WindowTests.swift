import IPC
import Model
import NIOCore
import NIOEmbedded
import Posix
import Testing

@testable import GatewayProcess

/// Contents that the store lends as a part of a file, or reads for the gateway.
@Suite struct WindowTests {
    private static let content = (0..<(3 << 20) + 77).map { UInt8(truncatingIfNeeded: $0 / 251) }
    private static let object = ObjectID(bits: Bits128(high: 7, low: 8))

    private var facts: FileFacts {
        var facts = Bench.facts
        facts.byteCount = UInt64(Self.content.count)
        facts.digest = ContentHasher.digest(of: Self.content)
        return facts
    }

    private func head(_ fields: String = "") -> String {
        "GET /api/files/a HTTP/1.1\r\nHost: x\r\n\(fields)\r\n"
    }

    /// A store whose kind of storage has windows. `failing`: the window from this offset on is refused.
    private func bench(failing: UInt64 = .max, code: RemoteError.Code = .internalError) throws
        -> Bench
    {
        let bench = try Bench()
        let facts = facts
        bench.store.onRequest = { store, request in
            if request.type == .lookup {
                store.answer(request, LookupResponse.windows(facts, Self.object))
                return true
            }
            guard let asked = try? request.message(ReadContentRequest.self) else { return false }
            #expect(asked.object == Self.object)
            if asked.offset >= failing {
                store.fail(request, code)
                return true
            }
            let end = min(Int(asked.range.upperBound), Self.content.count)
            let bytes = [UInt8](Self.content[Int(asked.offset)..<end])
            if bytes.count <= IPCLimits.inlineContentByteCountMax {
                store.answer(request, OpenContentResponse.inline(bytes))
            } else if let file = try? TemporaryFile(bytes) {
                store.answer(
                    request, OpenContentResponse.descriptor(byteCount: UInt64(bytes.count)), file)
            }
            return true
        }
        return bench
    }

    private func output(_ bench: Bench) throws -> [UInt8] {
        var bytes = try bench.outputBytes()
        for _ in 0..<30 {
            bench.store.pump()
            bytes += try bench.outputBytes()
        }
        return bytes
    }

    private func body(_ bytes: [UInt8]) throws -> [UInt8] {
        let end = try #require(bytes.firstRange(of: [13, 10, 13, 10])).upperBound
        return [UInt8](bytes[end...])
    }

    private func windows(_ bench: Bench) throws -> [Range<UInt64>] {
        try bench.store.received.filter { $0.type == .readContent }
            .map { try $0.message(ReadContentRequest.self).range }
    }

    @Test func aContentComesInWindowsOfGrowingSize() throws {
        let bench = try bench()
        bench.client.isWritable = true
        try bench.send(head())
        #expect(try body(try output(bench)) == Self.content)
        let asked = try windows(bench)
        #expect(asked.first == 0..<GatewayLimits.windowByteCountFirst)
        #expect(asked.contains { $0.count == Int(IPCLimits.windowByteCountMax) })
        for (one, next) in zip(asked, asked.dropFirst()) {
            #expect(one.upperBound == next.lowerBound)
        }
        // And the next request is served on the same connection.
        bench.answerEverything()
        try bench.send(ConnectionTests.get)
        #expect(try bench.output().hasSuffix("hello"))
    }

    @Test func rangesAskForNothingElse() throws {
        let bench = try bench()
        bench.client.isWritable = true
        try bench.send(head("Range: bytes=1000-99999\r\n"))
        #expect(try body(try output(bench)) == [UInt8](Self.content[1000...99_999]))
        #expect(try windows(bench) == [1000..<100_000])
        try bench.send(head("Range: bytes=0-0,70000-200000\r\n"))
        let several = try output(bench)
        #expect(several.firstRange(of: Self.content[70_000...200_000]) != nil)
        #expect(try windows(bench).dropFirst() == [0..<1, 70_000..<200_001])
    }

    @Test func aClientThatTakesNothingHasOneWindowAhead() throws {
        let bench = try bench()
        bench.client.isWritable = false
        try bench.send(head())
        for _ in 0..<10 { bench.store.pump() }
        #expect(try windows(bench).count <= GatewayLimits.windowsAheadMax + 1)
    }

    @Test func aFirstWindowThatCannotBeReadIsAnError() throws {
        let bench = try bench(failing: 0, code: .notFound)
        bench.client.isWritable = true
        try bench.send(head())
        #expect(String(decoding: try output(bench), as: UTF8.self).hasPrefix("HTTP/1.1 404"))
        #expect(!bench.isClosed)
    }

    @Test func aLaterWindowThatCannotBeReadCutsTheAnswerOff() throws {
        let bench = try bench(failing: 1 << 20)
        bench.client.isWritable = true
        try bench.send(head())
        let got = try body(try output(bench))
        #expect(got.count < Self.content.count)
        #expect(got == [UInt8](Self.content[..<got.count]))
        #expect(bench.isClosed)
    }

    /// The store's word for what is wrong, and another one for what cannot be had now.
    @Test func damageIsSaidToTheStore() throws {
        let bench = try bench(failing: 1 << 20)
        bench.client.isWritable = true
        try bench.send(head())
        _ = try output(bench)
        #expect(try bench.suspects() == [StorePath(validating: "/a".utf8)])
        let other = try self.bench(failing: 1 << 20, code: .unavailable)
        other.client.isWritable = true
        try other.send(head())
        _ = try output(other)
        #expect(try other.suspects() == [])
    }

    @Test func aWindowThatIsAskedForAgainComesFromTheNextLife() throws {
        let bench = try bench()
        bench.client.isWritable = true
        let answering = bench.store.onRequest
        var died = false
        bench.store.onRequest = { store, request in
            if request.type == .readContent, !died,
                (try? request.message(ReadContentRequest.self).offset) ?? 0 > 0
            {
                died = true
                return false
            }
            return answering(store, request)
        }
        try bench.send(head())
        var bytes = try output(bench)
        #expect(died)
        bench.store.die()
        bench.store.isListening = true
        bench.advance(seconds: 1)
        bytes += try output(bench)
        #expect(try body(bytes) == Self.content)
    }

    @Test func aWindowLargerThanAskedForEndsTheLink() throws {
        let bench = try Bench()
        let facts = facts
        bench.client.isWritable = true
        bench.store.onRequest = { store, request in
            if request.type == .lookup {
                store.answer(request, LookupResponse.windows(facts, Self.object))
            } else if request.type == .readContent {
                store.answer(request, OpenContentResponse.windows(byteCount: 1 << 40))
            }
            return true
        }
        let before = bench.store.connectCount
        try bench.send(head("Range: bytes=0-9\r\n"))
        bench.advance(seconds: 1)
        #expect(bench.store.connectCount > before)
    }

    @Test func aPartOfAFileIsSentFromItsOffset() throws {
        let bench = try Bench()
        let offset = 123_457
        let file = try TemporaryFile(
            [UInt8](repeating: 0xEE, count: offset) + Self.content
                + [UInt8](repeating: 0xDD, count: 5000))
        let facts = facts
        bench.store.onRequest = { store, request in
            store.answer(request, LookupResponse.region(facts, offset: UInt64(offset)), file)
            return true
        }
        bench.client.isWritable = true
        try bench.send(head())
        #expect(try body(try output(bench)) == Self.content)
        try bench.send(head("Range: bytes=-1000\r\n"))
        #expect(try body(try output(bench)) == [UInt8](Self.content.suffix(1000)))
    }
}
