import Model
import Testing

@testable import CRDT

/// Every encoding comes back as it was, and nothing else traps.
@Suite struct CodingTests {
    static let identity = ClusterIdentity(
        name: "home", established: ClusterID(bits: Bits128(high: 1, low: 2)))

    static func messages(seed: UInt64) -> [GossipMessage] {
        var maker = Maker(seed: seed)
        let state = maker.states(2)[0]
        var parts = BucketSet()
        for _ in 0..<5 { parts.insert(maker.number(0...255)) }
        let items = state.entries.map { SummaryItem($0) }
        var joined = identity
        _ = joined.adopt(ClusterID(bits: Bits128(high: 0, low: 9)))
        return [
            GossipMessage(
                identity: identity, body: .rumor(Delta(state.entries), offers: items)),
            GossipMessage(
                identity: ClusterIdentity(name: "home"), body: .digest(state.digest)),
            GossipMessage(
                identity: joined, body: .buckets(state.sums.buckets.map(\.low))),
            GossipMessage(identity: identity, body: .summary(parts, items)),
            GossipMessage(
                identity: identity,
                body: .repair(Delta([.identity(joined)]), wants: items.map(\.key))),
            GossipMessage(identity: joined, body: .question(state.digest)),
            GossipMessage(
                identity: identity, body: .agreed(state.digest, isInformed: seed % 2 == 0)),
        ]
    }

    @Test func messagesSurviveTheWire() throws {
        for seed in 0..<200 as Range<UInt64> {
            for message in Self.messages(seed: seed) {
                let bytes = encoded(message.encode)
                let decoded = try GossipMessage(decoding: bytes.span.bytes)
                #expect(decoded == message, "seed \(seed)")
                #expect(encoded(decoded.encode) == bytes, "seed \(seed)")
            }
        }
    }

    @Test func everyTruncationIsAnError() {
        for seed in 0..<8 as Range<UInt64> {
            for message in Self.messages(seed: seed) {
                let bytes = encoded(message.encode)
                for end in 0..<bytes.count {
                    let part = Array(bytes[..<end])
                    #expect(throws: DecodeError.self) {
                        try GossipMessage(decoding: part.span.bytes)
                    }
                }
                let longer = bytes + [0]
                #expect(throws: DecodeError.trailingBytes) {
                    try GossipMessage(decoding: longer.span.bytes)
                }
            }
        }
    }

    @Test func noMutationTraps() {
        for seed in 0..<2_000 as Range<UInt64> {
            var rng = SplitMix64(seed: seed)
            for message in Self.messages(seed: seed % 50) {
                var bytes = encoded(message.encode)
                for _ in 0..<Int.random(in: 1...4, using: &rng) {
                    let index = Int.random(in: bytes.indices, using: &rng)
                    bytes[index] = [0, 1, 0x7F, 0xFF].randomElement(using: &rng) ?? 0
                }
                // What is decoded all the same can be merged, and is encoded as it came.
                guard let decoded = try? GossipMessage(decoding: bytes.span.bytes) else { continue }
                #expect(encoded(decoded.encode).count == bytes.count, "seed \(seed)")
                var gossip = Gossip(ClusterState(identity: Self.identity, own: node(0)))
                var directives: [GossipDirective] = []
                gossip.received(decoded, from: node(1), now: .zero, &directives)
            }
        }
    }

    @Test func statesSurviveTruncationAndMutation() {
        for seed in 0..<300 as Range<UInt64> {
            var maker = Maker(seed: seed)
            let bytes = encoded(maker.states(2)[0].encode)
            let part = Array(bytes[..<maker.number(0...bytes.count - 1)])
            #expect(throws: DecodeError.self) {
                try ClusterState(decoding: part.span.bytes, own: node(0))
            }
            var changed = bytes
            changed[maker.number(0...bytes.count - 1)] = UInt8(maker.number(0...255))
            _ = try? ClusterState(decoding: changed.span.bytes, own: node(0))
        }
    }

    /// What is agreed between nodes, and lies on disks: these bytes can never change.
    @Test func bytesAreThoseOfVersion1() throws {
        let stamp = Stamp(time: HybridTime(value: 0x0102), node: node(1))
        let setting = try #require(Setting(key: "k", value: "v", stamp: stamp))
        let entries: [StateEntry] = [
            .setting(setting),
            .member(
                LayoutEntry(
                    node: node(2), state: .member(disk: disk(3), weight: 4, zone: "z"),
                    stamp: stamp)),
            .replicationFactor(ReplicationFactor(value: 2, stamp: stamp)),
        ]
        let text = Hex.encode(encoded(Delta(entries).encode))
        let stamped = "0000000000000102" + "00000006" + "6e6f64652d31"
        #expect(
            text == "01" + "00000003" + "01" + "00000001" + "6b" + "00000001" + "76" + stamped
                + "03" + "00000006" + "6e6f64652d32" + stamped + "01"
                + "000000000000d15c0000000000000003" + "00000004" + "00000001" + "7a"
                + "04" + "02" + stamped)
    }

    @Test func sizesAreKnownWithoutEncoding() {
        for seed in 0..<200 as Range<UInt64> {
            var maker = Maker(seed: seed)
            for entry in maker.states(2)[0].entries {
                #expect(entry.byteCount == encoded(entry.encode).count, "seed \(seed)")
                #expect(entry.key.byteCount == encoded(entry.key.encode).count)
            }
        }
    }

    @Test func textsAboveTheirLimitsAreCutBetweenCharacters() {
        let facts = NodeFacts(
            disk: disk(1), addresses: Array(repeating: "h:1", count: 20),
            zone: String(repeating: "é", count: 40),
            synced: (0..<10).map { LayoutID(bits: Bits128(high: 0, low: $0)) })
        let register = NodeRegister(node: node(1), incarnation: 1, sequence: 1, facts: facts)
        #expect(register.facts.zone == String(repeating: "é", count: 32))
        #expect(register.facts.addresses.count == CRDTLimits.addressCountMax)
        #expect(register.facts.synced.map(\.bits.low) == Array(2..<10))
    }
}
