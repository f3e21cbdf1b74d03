import IPC
import Model
import NIOCore
import NIOEmbedded
import Posix
import Testing

@testable import GatewayProcess

/// Whole contents are given to nobody as whole that are not what was stored.
@Suite struct VerifiedContentTests {
    private static let content = (0..<(5 << 20) + 13).map { UInt8(truncatingIfNeeded: $0 / 7) }

    /// A store that lends a file, of which a byte may be wrong.
    private func bench(
        wrongAt index: Int? = nil, base: Int = 0, content: [UInt8] = content
    ) throws -> (Bench, TemporaryFile) {
        let bench = try Bench()
        var bytes = [UInt8](repeating: 0xAA, count: base) + content
        if let index { bytes[base + index] ^= 1 }
        let file = try TemporaryFile(bytes)
        var facts = Bench.facts
        facts.byteCount = UInt64(content.count)
        facts.digest = ContentHasher.digest(of: content)
        let told = facts
        bench.store.onRequest = { store, request in
            guard request.type == .lookup else { return false }
            let response: LookupResponse =
                base == 0 ? .descriptor(told) : .region(told, offset: UInt64(base))
            store.answer(request, response, file)
            return true
        }
        bench.client.isWritable = true
        return (bench, file)
    }

    private func get(_ bench: Bench, _ fields: String = "", method: String = "GET") throws
        -> [UInt8]
    {
        try bench.send("\(method) /api/files/a HTTP/1.1\r\nHost: x\r\n\(fields)\r\n")
        var bytes = try bench.outputBytes()
        for _ in 0..<20 {
            bench.store.pump()
            bytes += try bench.outputBytes()
        }
        let end = try #require(bytes.firstRange(of: [13, 10, 13, 10])).upperBound
        return [UInt8](bytes[end...])
    }

    @Test(arguments: [0, 4096]) func aGoodContentIsGivenWhole(base: Int) throws {
        let (bench, _) = try bench(base: base)
        #expect(try get(bench) == Self.content)
        #expect(!bench.isClosed)
        #expect(try bench.suspects() == [])
        // Once more, on the same connection: it was verified a moment ago.
        #expect(try get(bench) == Self.content)
    }

    @Test(arguments: [0, 2 << 20, (5 << 20) + 12])
    func aWrongByteCutsTheAnswerOff(index: Int) throws {
        let (bench, _) = try bench(wrongAt: index)
        let got = try get(bench)
        #expect(got.count < Self.content.count)
        #expect(bench.isClosed)
        #expect(try bench.suspects() == [StorePath(validating: "/a".utf8)])
        // Of which version it was is said, too.
        let notices = try bench.store.received.filter { $0.type == .suspectContent }
            .map { try $0.message(SuspectNotice.self) }
        #expect(notices.map(\.digest) == [ContentHasher.digest(of: Self.content)])
    }

    @Test func aSmallFileThatIsWrongGivesNothing() throws {
        let content = [UInt8](repeating: 7, count: 70_000)
        let (bench, _) = try bench(wrongAt: 5, content: content)
        #expect(try get(bench) == [])
        #expect(bench.isClosed)
    }

    /// A range has no digest of its own; nobody takes it for the file.
    @Test func rangesAndHeadersAreGivenAsTheyAre() throws {
        let (bench, _) = try bench(wrongAt: 5)
        #expect(try get(bench, "Range: bytes=100-199\r\n") == [UInt8](Self.content[100...199]))
        #expect(try get(bench, method: "HEAD") == [])
        #expect(!bench.isClosed)
    }

    @Test func whatChangesAfterItWasVerifiedIsVerifiedAgain() throws {
        let (bench, file) = try bench()
        #expect(try get(bench) == Self.content)
        try file.overwrite([0xFF], at: 1 << 20)
        #expect(try get(bench).count < Self.content.count)
        #expect(bench.isClosed)
    }

    /// The digest lags behind what the client takes, by no more than the limit.
    @Test func theEndWaitsForTheDigest() throws {
        let (bench, _) = try bench()
        bench.work.isHeld = true
        let got = try get(bench)
        #expect(got.count < Self.content.count)
        #expect(!bench.isClosed)
        bench.work.release()
        var rest: [UInt8] = []
        for _ in 0..<20 { rest += try bench.outputBytes() }
        #expect(got + rest == Self.content)
    }

    // MARK: Memory

    /// As much as a source of pieces in memory gives at once, with no digest taken.
    private func taken(
        _ work: InlineWork, _ unverified: UnverifiedBytes, _ pieces: PieceSource
    ) -> (source: VerifiedSource, count: Int) {
        let source = VerifiedSource(
            pieces, of: nil, expected: pieces.digest, background: work, unverified: unverified
        ) {
        } judged: { _ in
        }
        var count = 0
        while case .bytes = source.next() { count += 1 }
        return (source, count)
    }

    /// All answers together; but each goes on, one piece after the other.
    @Test func whatWaitsForItsDigestIsBoundedOverAllAnswers() throws {
        let work = InlineWork()
        work.isHeld = true
        let unverified = UnverifiedBytes()
        let size = GatewayLimits.unverifiedByteCountMax / 4
        var sources: [VerifiedSource] = []
        let full = GatewayLimits.unverifiedByteCountSumMax / GatewayLimits.unverifiedByteCountMax
        for _ in 0..<full {
            let (source, count) = taken(work, unverified, PieceSource(count: 9, byteCount: size))
            // One of those that were taken is held back.
            #expect(count == 3)
            sources.append(source)
        }
        #expect(unverified.byteCount == GatewayLimits.unverifiedByteCountSumMax)
        let (late, none) = taken(work, unverified, PieceSource(count: 9, byteCount: size))
        #expect(none == 0)
        #expect(unverified.byteCount == GatewayLimits.unverifiedByteCountSumMax + size)
        // Nobody else gave anything back; its own piece is in its digest, and the next one comes.
        work.releaseLast()
        guard case .bytes = late.next() else {
            Issue.record("it goes on with one piece at a time")
            return
        }
        #expect(unverified.byteCount == GatewayLimits.unverifiedByteCountSumMax + size)
        for source in sources + [late] { source.closed() }
        work.release()
        #expect(unverified.byteCount == 0)
    }
}

/// Pieces in memory.
private final class PieceSource: BodySource {
    private let piece: ByteBuffer
    private var left: Int
    let digest: Model.Digest

    init(count: Int, byteCount: Int) {
        piece = ByteBuffer(repeating: 7, count: byteCount)
        left = count
        digest = ContentHasher.digest(of: [])
    }

    func next() -> BodyPart {
        guard left > 0 else { return .end }
        left -= 1
        return .bytes(piece)
    }

    func closed() {}
}

extension Bench {
    /// The files that the store was asked to look at.
    func suspects() throws -> [StorePath] {
        store.pump()
        return try store.received.filter { $0.type == .suspectContent }
            .map { try $0.message(SuspectNotice.self).path }
    }
}
