import Cluster
import IPC
import Membership
import Model
import Testing
import Transfer

@testable import GatewayProcess

/// A gateway whose store is away answers for it.
@Suite struct AbsentStoreTests {
    private func part(
        from sender: String, life: UInt64 = 1, to target: String, _ body: SwimMessage.Body
    ) throws -> PeerPart {
        let update = PeerUpdate(
            node: try #require(NodeID(sender)), disk: DiskID(bits: Bits128(high: 1, low: 2)),
            incarnation: life << 32, state: .alive)
        let message = PeerMessage.membership(
            SwimMessage(body: body, sender: update, wallMilliseconds: 1, updates: []))
        return PeerPart(
            node: try #require(NodeID(target)), channel: .datagram, message: 1, part: 0,
            isLast: true,
            bytes: StoreMessage.message(try message.encode(), contents: []).encode())
    }

    /// The acknowledgements among what a store was sent.
    private func acks(_ parts: [PeerPart]) -> [UInt64] {
        parts.compactMap { part in
            guard
                case .message(let bytes, _) = try? StoreMessage(decoding: part.bytes.span.bytes),
                case .membership(let message) = try? PeerMessage(decoding: bytes.span.bytes),
                case .ack(let sequence, isRestarting: true) = message.body
            else { return nil }
            return sequence
        }
    }

    @Test func probesOfAStoreThatDiedAreAnsweredUntilTheNextOneSpeaks() async throws {
        let a = try await PeerBench("a")
        let b = try await PeerBench("b")
        try await a.knows("b", at: b)
        try await b.knows("a", at: a)
        let word = try part(from: "a", to: "b", .updates)
        let probe = try part(from: "b", to: "a", .ping(sequence: 42))
        try await a.send(word)
        try await eventually("a word of the store") {
            try await b.on { $1.parts.count } == 1
        }
        try await a.on { _, store in
            store.isListening = false
            store.die()
        }
        try await eventually("apart") { try await a.ask { !$0.isAttached } }
        try await eventually("an answer") {
            try await b.send(probe)
            return try await self.acks(b.on { $1.parts }).first == 42
        }
        try await a.on { _, store in store.isListening = true }
        try await eventually("attached again") { try await a.on { $1.attached.count } == 2 }
        let next = try part(from: "a", life: 2, to: "b", .updates)
        let heard = try await b.on { $1.parts.count }
        try await a.send(next)
        try await eventually("a word of the next store") {
            try await b.on { $1.parts.last?.bytes } == next.bytes
        }
        #expect(try await b.on { $1.parts.count } > heard)
        // From here on it is the store's to answer.
        let answered = try await acks(b.on { $1.parts }).count
        let probed = try await a.on { $1.parts.count }
        try await b.send(probe)
        try await eventually("a probe") { try await a.on { $1.parts.count } > probed }
        #expect(try await acks(b.on { $1.parts }).count == answered)
        try await a.end()
        try await b.end()
    }
}
