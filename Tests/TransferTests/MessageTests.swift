import Model
import Testing

@testable import Transfer

/// What stores say to each other, in bytes and in parts.
@Suite struct MessageTests {
    private static let object = ObjectID(bits: Bits128(high: 1, low: 2))

    private static func path(_ text: String) -> StorePath {
        guard let path = try? StorePath(validating: text.utf8) else {
            preconditionFailure("no path: \(text)")
        }
        return path
    }

    private static var digest: Digest {
        guard let digest = Digest(bytes: [UInt8](repeating: 7, count: Digest.byteCount)) else {
            preconditionFailure("32 bytes are a digest")
        }
        return digest
    }

    private static func entry(_ text: String, time: UInt64 = 5) -> TrashPage.Entry {
        TrashPage.Entry(
            path: path(text),
            dot: Dot(disk: DiskID(bits: Bits128(high: 3, low: 4)), sequence: time),
            time: HybridTime(value: time), byteCount: 6,
            digest: digest, contentType: "text/plain",
            created: Timestamp(nanoseconds: -1), modified: Timestamp(nanoseconds: 2),
            since: HybridTime(value: 9), isConflict: true)
    }

    private static var summary: ScrubSummary {
        var summary = ScrubSummary(id: 5)
        summary.finished = 6
        summary.damageCount = 1
        summary.damage = [.init(path: path("/a"), reason: "why", isRepaired: true)]
        summary.strays = ["objects/x"]
        summary.replacedViews = [path("/b")]
        return summary
    }

    private static let samples: [StoreMessage] = [
        .message([1, 2, 3], contents: []),
        .message([], contents: [AttachedContent(object: object, bytes: [4, 5])]),
        .ask(object, byteCount: 7), .piece(object, bytes: [1]),
        .lacks(object), .busy(object), .holds(object), .declines(object), .pulling(object),
        .grows(object, byteCount: 1 << 40), .gone(object),
        .offer(ContentFacts(object: object, byteCount: 1 << 40, digest: digest)),
        .offer(
            ContentFacts(object: object, byteCount: 7, digest: digest),
            home: Partition(number: 0x0102)),
        .word(.asksUsage), .word(.usage(stored: 7, free: 1 << 40)),
        .word(.asksTrash(number: 7, directory: .root, after: path("/a"), limit: 9)),
        .word(.asksTrash(number: 8, directory: path("/a"), after: nil, limit: 9)),
        .word(.trash(number: 7, TrashPage(entries: [entry("/a/b")], hasMore: true))),
        .word(.asksIntegrity(number: 7, begins: true)), .word(.integrity(number: 7, nil)),
        .word(.integrity(number: 7, summary)), .word(.suspects(path("/a"), digest)),
        .word(.asksQuotas(number: 9)), .word(.quotas(number: 9, [])),
        .word(
            .quotas(
                number: 1 << 40,
                [QuotaUse(directory: path("/a"), byteCount: 1 << 41, isComplete: true)])),
        .word(.asksRestart), .word(.restarts), .word(.refusesRestart),
    ]

    @Test func everyMessageSurvivesItsBytes() throws {
        for sample in Self.samples {
            let bytes = sample.encode()
            #expect(try StoreMessage(decoding: bytes.span.bytes) == sample)
        }
    }

    @Test func nothingShorterOrLongerIsAMessage() throws {
        for sample in Self.samples {
            let bytes = sample.encode()
            for count in 0..<bytes.count {
                let cut = Array(bytes.prefix(count))
                #expect(throws: DecodeError.self) {
                    try StoreMessage(decoding: cut.span.bytes)
                }
            }
            let long = bytes + [0]
            #expect(throws: DecodeError.self) { try StoreMessage(decoding: long.span.bytes) }
        }
    }

    @Test func whatANewerProgramWroteIsUnknownAndNotBroken() throws {
        #expect(throws: DecodeError.unknown("version")) {
            try StoreMessage(decoding: [UInt8]([2, 1]).span.bytes)
        }
        #expect(throws: DecodeError.unknown("kind")) {
            try StoreMessage(decoding: [UInt8]([1, 99]).span.bytes)
        }
    }

    @Test func pagesOfTheTrashAreMergedWithoutGapsAndWithTheNewest() {
        var merge = TrashMerge()
        merge.add(
            TrashPage(entries: [Self.entry("/a"), Self.entry("/c")], hasMore: true))
        merge.add(
            TrashPage(
                entries: [Self.entry("/a", time: 7), Self.entry("/b"), Self.entry("/d")],
                hasMore: false))
        // Behind /c the first may have something before /d.
        let all = merge.page(limit: 10, byteCountMax: 100_000)
        #expect(all.entries.map(\.path) == [Self.path("/a"), Self.path("/b"), Self.path("/c")])
        #expect(all.entries.first?.time == HybridTime(value: 7))
        #expect(all.hasMore)
        let first = merge.page(limit: 2, byteCountMax: 100_000)
        #expect(first.entries.count == 2)
        #expect(first.hasMore)
        let entry = Self.entry("/a")
        let short = merge.page(limit: 10, byteCountMax: 2 * entry.encodedByteCount)
        #expect(short.entries.count == 2)
        #expect(short.hasMore)
        var whole = TrashMerge()
        whole.add(TrashPage(entries: [Self.entry("/a")], hasMore: false))
        #expect(
            whole.page(limit: 1, byteCountMax: 100_000)
                == TrashPage(entries: [Self.entry("/a")], hasMore: false))
    }

    @Test func tooMuchIsNotAskedFor() throws {
        var bytes = StoreMessage.ask(Self.object, byteCount: 1).encode()
        bytes.replaceSubrange((bytes.count - 4)..., with: [0x7F, 0xFF, 0xFF, 0xFF])
        #expect(throws: DecodeError.invalid("count")) {
            try StoreMessage(decoding: bytes.span.bytes)
        }
    }

    @Test func partsMakeTheMessageAgain() throws {
        let node = try #require(NodeID("a"))
        for count in [0, 1, TransferLimits.partByteCountMax, 1_000_000] {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
            var assembler = PartAssembler()
            var whole: [[UInt8]] = []
            for part in MessagePart.parts(of: bytes, message: 5) {
                #expect(part.bytes.count <= TransferLimits.partByteCountMax)
                if let message = assembler.add(part, from: node) { whole.append(message) }
            }
            #expect(whole == [bytes])
        }
    }

    @Test func aMessageWithAHoleIsNone() throws {
        let node = try #require(NodeID("a"))
        let parts = MessagePart.parts(of: [UInt8](repeating: 1, count: 1_000_000), message: 1)
        #expect(parts.count == 4)
        for missing in parts.indices {
            var assembler = PartAssembler()
            for (index, part) in parts.enumerated() where index != missing {
                #expect(assembler.add(part, from: node) == nil)
            }
            // What follows is whole again.
            let next = MessagePart.parts(of: [7], message: 2)
            #expect(assembler.add(next[0], from: node) == [7])
        }
    }

    @Test func partsOfTwoMessagesOrNodesAreNotMixed() throws {
        let (a, b) = (try #require(NodeID("a")), try #require(NodeID("b")))
        let first = MessagePart.parts(of: [UInt8](repeating: 1, count: 600_000), message: 1)
        let second = MessagePart.parts(of: [UInt8](repeating: 2, count: 600_000), message: 2)
        var assembler = PartAssembler()
        #expect(assembler.add(first[0], from: a) == nil)
        #expect(assembler.add(second[0], from: b) == nil)
        #expect(assembler.add(second[1], from: a) == nil)
        #expect(assembler.add(first[2], from: a) == nil)
        #expect(assembler.add(second[1], from: b) == nil)
        #expect(assembler.add(second[2], from: b) == [UInt8](repeating: 2, count: 600_000))
        #expect(assembler.lostCount == 1)
    }
}
