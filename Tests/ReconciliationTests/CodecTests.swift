import Model
import Testing

@testable import Reconciliation

struct CodecTests {
    static let scope = ReconciliationScope.shared(layouts: Bits128(high: 1, low: 2))

    func request(_ questions: [RangeQuestion]) -> ReconciliationRequest {
        ReconciliationRequest(salt: 3, round: 1, scope: CodecTests.scope, body: .ask(questions))
    }

    func question(_ lower: UInt64, _ bitCount: Int, _ kind: RangeQuestion.Kind) -> RangeQuestion {
        RangeQuestion(range: KeyRange(lower: lower, bitCount: bitCount), kind: kind)
    }

    func decode(_ bytes: [UInt8]) throws -> ReconciliationRequest {
        try ReconciliationRequest(decoding: bytes.span.bytes)
    }

    func decodeReply(_ bytes: [UInt8]) throws -> ReconciliationReply {
        try ReconciliationReply(decoding: bytes.span.bytes)
    }

    var requests: [ReconciliationRequest] {
        [
            ReconciliationRequest(
                salt: 1, round: 0, scope: CodecTests.scope,
                body: .compare(Fingerprint(high: 1, low: 2))),
            ReconciliationRequest(
                salt: 1, round: 0, scope: .partitions(PartitionSet([Partition(number: 7)])),
                body: .compare(.zero)),
            request([]),
            request([
                question(0, 7, .divide(bits: 7)), question(1 << 57, 7, .divide(bits: 7)),
                question(1 << 58, 7, .list([1, 0xFF_FFFF, 3])),
                question(1 << 63, 64, .list([])), question(1 << 63 + 1, 64, .list([9])),
                question(.max, 64, .list([])),
            ]),
            request([question(0, 0, .list([]))]),
        ]
    }

    var replies: [ReconciliationReply] {
        let item = ReconciliationItem(key: .max, fingerprint: Fingerprint(high: 1, low: 2))
        let bodies: [ReconciliationReply.Body] = [
            .equal, .unknownScope, .unequal(Fingerprint(high: 5, low: 6), bits: 2, [1, 2, 3]),
            .answers([
                .parts(bits: 1, [7]), .parts(bits: 1, [8]), .parts(bits: 2, [1, 2, 3]),
                .differences(missing: [0, 255], items: [item]),
                .differences(missing: [], items: []),
            ]),
        ]
        return bodies.map { ReconciliationReply(salt: 8, round: 9, body: $0) }
    }

    @Test func messagesSurviveTheirEncoding() throws {
        for request in requests { #expect(try decode(request.encode()) == request) }
        for reply in replies { #expect(try decodeReply(reply.encode()) == reply) }
    }

    @Test func bytesOfTheMessagesAreAgreed() {
        let requests: [String] = [
            "010000000000000001000000000000000000000100000000000000020000000000000000"
                + "010000000000000002",
            "01000000000000000100000100000100070000000000000000000000000000000000",
            "0100000000000000030001000000000000000001000000000000000201",
            "010000000000000003000100000000000000000100000000000000020107020700008001"
                + "070203000001ffffff00000380034080808080808080808001000001000009fdffffffff"
                + "ffffff7f00",
            "01000000000000000300010000000000000000010000000000000002018001000000",
        ]
        #expect(self.requests.map { Hex.encode($0.encode()) } == requests)
        let replies: [String] = [
            "010000000000000008000900",
            "010000000000000008000903",
            "010000000000000008000901000000000000000500000000000000060200000100000200"
                + "0003",
            "0100000000000000080009020102000007000008020100000100000200000380020200ff"
                + "01ffffffffffffffff000000000000000100000000000000020000",
        ]
        #expect(self.replies.map { Hex.encode($0.encode()) } == replies)
    }

    @Test func truncatedAndLongMessagesAreRefused() {
        for request in requests {
            let bytes = request.encode()
            for end in 0..<bytes.count {
                // Questions end with the message: cut between two runs it is a shorter one.
                let part = Array(bytes[..<end])
                if let decoded = try? decode(part) {
                    #expect(decoded.encode() == part)
                }
            }
        }
        for request in requests.prefix(2) {
            #expect(throws: DecodeError.self) { try decode(request.encode() + [0]) }
        }
        for reply in replies.prefix(3) {
            let bytes = reply.encode()
            #expect(throws: DecodeError.self) { try decodeReply(bytes + [0]) }
            for end in 0..<bytes.count {
                #expect(throws: DecodeError.self) { try decodeReply(Array(bytes[..<end])) }
            }
        }
        let long = Array(repeating: UInt8(1), count: ReconciliationLimits.messageByteCountMax + 1)
        #expect(throws: DecodeError.invalid("length")) { try decode(long) }
        #expect(throws: DecodeError.invalid("length")) { try decodeReply(long) }
    }

    @Test func overlappingInvertedAndTooManyRangesAreRefused() {
        let list = RangeQuestion.Kind.list([])
        let hostile: [[RangeQuestion]] = [
            [question(0, 0, list), question(0, 0, list)],
            [question(0, 7, list), question(0, 8, list)],
            [question(0, 8, list), question(0, 7, list)],
            [question(1 << 57, 7, list), question(0, 7, list)],
            [question(5, 64, list), question(5, 64, list)],
            (0...UInt64(ReconciliationLimits.rangesPerRequestMax)).map {
                question($0 << 48, 16, list)
            },
            [question(0, 16, .list(Array(repeating: 0, count: 257)))],
            [question(0, 16, .divide(bits: 8))], [question(0, 60, .divide(bits: 5))],
            [question(0, 16, .divide(bits: 0))],
        ]
        for questions in hostile {
            let bytes = request(questions).encode()
            #expect(throws: DecodeError.self) { try decode(bytes) }
        }
    }

    @Test func randomBytesAreRefusedOrReadButNeverTrap() {
        var random = SplitMix64(seed: 99)
        let samples = requests.map { $0.encode() } + replies.map { $0.encode() }
        var read = 0
        for _ in 0..<20_000 {
            var bytes = samples[Int.random(in: 0..<samples.count, using: &random)]
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                bytes[place] = UInt8(truncatingIfNeeded: random.next())
            }
            if let request = try? decode(bytes) {
                read += 1
                _ = ReconciliationResponder.answer(request, from: SortedEntries([]))
            }
            if (try? decodeReply(bytes)) != nil { read += 1 }
        }
        #expect(read > 1000)
    }

    @Test func repliesAreBoundedWhateverIsAsked() throws {
        var random = SplitMix64(seed: 31)
        let entries = SortedEntries(SortedEntries.random(200_000, using: &random))
        // Lists of nothing over everything, in ranges of many sizes.
        for bitCount in [0, 3, 7, 8, 9, 10] {
            let questions = (0..<UInt64(1) << UInt64(bitCount)).map {
                question(
                    bitCount == 0 ? 0 : $0 << UInt64(64 - bitCount), bitCount, .list([]))
            }
            let all = request(questions)
            for request in [all, divided(all)] {
                let decoded = try decode(request.encode())
                let counter = CountingSource(entries: entries)
                let reply = ReconciliationResponder.answer(decoded, from: counter)
                let bytes = reply.encode()
                #expect(bytes.count <= ReconciliationLimits.messageByteCountMax)
                #expect(try decodeReply(bytes) == reply)
                guard case .answers(let answers) = reply.body else { continue }
                #expect(!answers.isEmpty)
                #expect(
                    counter.read.value <= ReconciliationLimits.entriesPerReplyMax + 10_000)
            }
        }
    }

    func divided(_ request: ReconciliationRequest) -> ReconciliationRequest {
        guard case .ask(var questions) = request.body else { return request }
        for place in questions.indices { questions[place].kind = .divide(bits: 7) }
        return self.request(questions)
    }

    /// Counts the entries that are read one by one.
    struct CountingSource: ReconciliationSource {
        final class Count { var value = 0 }
        let entries: SortedEntries
        let read = Count()

        func sum(of range: KeyRange) -> RangeSum {
            let sum = entries.sum(of: range)
            if range.bitCount > 16 { read.value += sum.count }
            return sum
        }

        func items(in range: KeyRange, limit: Int) -> [ReconciliationItem] {
            let items = entries.items(in: range, limit: limit)
            read.value += items.count
            return items
        }
    }
}
