import Model
import Testing

@testable import Membership

/// Every datagram comes back as it was, and nothing else traps.
@Suite struct CodingTests {
    static func messages(_ generator: inout SplitMix64) -> [SwimMessage] {
        func name() -> NodeID {
            let count = Int.random(in: 1...64, using: &generator)
            return Lone.id(String(repeating: "n", count: count))
        }
        func update() -> PeerUpdate {
            PeerUpdate(
                node: name(), disk: DiskID(using: &generator), incarnation: generator.next(),
                state: PeerState(rawValue: UInt8(generator.next() % 4)) ?? .alive,
                witness: generator.next() % 2 == 0 ? name() : nil)
        }
        let sum = Fingerprint(high: generator.next(), low: generator.next())
        let bodies: [SwimMessage.Body] = [
            .ping(sequence: generator.next()),
            .ack(sequence: generator.next(), isRestarting: generator.next() % 2 == 0),
            .pingRequest(sequence: generator.next(), target: name()),
            .nack(sequence: generator.next()),
            .table(sum: sum, wants: generator.next() % 2 == 0), .page, .updates,
        ]
        return bodies.map { body in
            let updates = (0..<Int(generator.next() % 6)).map { _ in update() }
            return SwimMessage(
                body: body, sender: update(), wallMilliseconds: generator.next(), updates: updates)
        }
    }

    static func bytes(_ message: SwimMessage) -> [UInt8] {
        var writer = ByteWriter()
        message.encode(into: &writer)
        return writer.bytes
    }

    @Test func messagesSurviveTheWireAndCountTheirBytes() throws {
        for seed in 0..<300 as Range<UInt64> {
            var generator = SplitMix64(seed: seed)
            for message in Self.messages(&generator) {
                let bytes = Self.bytes(message)
                #expect(bytes.count == message.byteCount, "seed \(seed)")
                let decoded = try SwimMessage(decoding: bytes.span.bytes)
                #expect(decoded == message, "seed \(seed)")
            }
        }
    }

    @Test func everyTruncationIsAnError() {
        for seed in 0..<10 as Range<UInt64> {
            var generator = SplitMix64(seed: seed)
            for message in Self.messages(&generator) {
                let bytes = Self.bytes(message)
                for end in 0..<bytes.count {
                    let part = Array(bytes[..<end])
                    #expect(throws: DecodeError.self, "seed \(seed), \(end) bytes") {
                        try SwimMessage(decoding: part.span.bytes)
                    }
                }
                let longer = bytes + [0]
                #expect(throws: DecodeError.self) {
                    try SwimMessage(decoding: longer.span.bytes)
                }
            }
        }
    }

    @Test func mutatedBytesNeverTrapNeitherInTheCodecNorInTheCore() {
        for seed in 0..<400 as Range<UInt64> {
            var generator = SplitMix64(seed: seed)
            var lone = Lone()
            for message in Self.messages(&generator) {
                var bytes = Self.bytes(message)
                for _ in 0..<8 {
                    let place = Int.random(in: bytes.indices, using: &generator)
                    bytes[place] = UInt8(truncatingIfNeeded: generator.next())
                    guard let decoded = try? SwimMessage(decoding: bytes.span.bytes) else {
                        continue
                    }
                    #expect(Self.bytes(decoded) == bytes, "seed \(seed)")
                    lone.receive(decoded.body, from: decoded.sender, decoded.updates)
                    lone.pass(.milliseconds(100))
                }
            }
        }
    }

    @Test func longerThanADatagramIsAnError() {
        let bytes = [UInt8](repeating: 1, count: MembershipLimits.datagramByteCountMax + 1)
        #expect(throws: DecodeError.self) { try SwimMessage(decoding: bytes.span.bytes) }
    }
}
