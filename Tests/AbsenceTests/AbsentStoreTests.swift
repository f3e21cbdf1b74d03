import Cluster
import Membership
import Model
import Testing
import Transfer

@testable import Absence

/// A store is away; its gateway answers for it.
@Suite struct AbsentStoreTests {
    private func update(
        _ name: String, life: UInt64 = 1, refutations: UInt64 = 0, _ state: PeerState = .alive
    ) throws -> PeerUpdate {
        var generator = SplitMix64(seed: UInt64(name.utf8.count))
        return PeerUpdate(
            node: try #require(NodeID(name)), disk: DiskID(using: &generator),
            incarnation: life << 32 | refutations, state: state)
    }

    private func datagram(
        _ body: SwimMessage.Body, from sender: PeerUpdate, about updates: [PeerUpdate] = []
    ) throws -> [UInt8] {
        let message = SwimMessage(
            body: body, sender: sender, wallMilliseconds: 1, updates: updates)
        return StoreMessage.message(
            try PeerMessage.membership(message).encode(), contents: []
        ).encode()
    }

    private func read(_ word: AbsentStore.Word?) throws -> SwimMessage? {
        guard let word else { return nil }
        guard
            case .message(let bytes, contents: []) = try StoreMessage(
                decoding: word.bytes.span.bytes),
            case .membership(let message) = try PeerMessage(decoding: bytes.span.bytes)
        else { return nil }
        return message
    }

    private func absent(_ own: PeerUpdate, at now: Duration = .zero) throws -> AbsentStore {
        var store = AbsentStore()
        store.said(.init(number: 7, bytes: try datagram(.ping(sequence: 1), from: own)))
        store.wentAway(now: now)
        return store
    }

    @Test func aProbeIsAnsweredInTheNameOfTheStoreThatWentAway() throws {
        let own = try update("own", refutations: 3)
        var store = try absent(own)
        let probe = try datagram(.ping(sequence: 42), from: try update("peer"))
        let word = store.answer(to: probe, now: .seconds(1), wallMilliseconds: 9)
        #expect(word?.number == 8)
        let answer = try #require(try read(word))
        #expect(answer.body == .ack(sequence: 42, isRestarting: true))
        #expect(answer.sender == own)
        #expect(answer.wallMilliseconds == 9)
        #expect(answer.updates.isEmpty)
    }

    @Test func aSuspicionIsRefuted() throws {
        let own = try update("own", refutations: 3)
        var store = try absent(own)
        var suspected = own
        suspected.state = .suspect
        let probe = try datagram(
            .ping(sequence: 1), from: try update("peer"), about: [suspected])
        let answer = try read(store.answer(to: probe, now: .zero, wallMilliseconds: 9))
        #expect(answer?.sender.incarnation == own.incarnation + 1)
        #expect(answer?.sender.state == .alive)
    }

    @Test func aStoreThatIsHereAnswersForItself() throws {
        let own = try update("own")
        let probe = try datagram(.ping(sequence: 1), from: try update("peer"))
        var store = AbsentStore()
        #expect(store.answer(to: probe, now: .zero, wallMilliseconds: 9) == nil)
        store.said(.init(number: 1, bytes: try datagram(.page, from: own)))
        #expect(store.answer(to: probe, now: .zero, wallMilliseconds: 9) == nil)
        store.wentAway(now: .zero)
        #expect(store.answer(to: probe, now: .zero, wallMilliseconds: 9) != nil)
        // The next life is here from its first word on.
        let next = try update("own", life: 2)
        store.said(.init(number: 1, bytes: try datagram(.page, from: next)))
        #expect(store.answer(to: probe, now: .zero, wallMilliseconds: 9) == nil)
    }

    @Test func aStoreThatDoesNotComeBackIsMissedAsAnyOther() throws {
        var store = try absent(try update("own"), at: .seconds(100))
        let probe = try datagram(.ping(sequence: 1), from: try update("peer"))
        let end = .seconds(100) + MembershipLimits.restartMax
        #expect(
            store.answer(to: probe, now: end - .milliseconds(1), wallMilliseconds: 9) != nil)
        // It starts, says nothing, and dies again: that is no reason to wait longer.
        store.wentAway(now: end - .milliseconds(1))
        #expect(store.answer(to: probe, now: end, wallMilliseconds: 9) == nil)
    }

    @Test func aStoreThatSaidGoodbyeIsNotAnsweredFor() throws {
        var store = try absent(try update("own", .left))
        let probe = try datagram(.ping(sequence: 1), from: try update("peer"))
        #expect(store.answer(to: probe, now: .zero, wallMilliseconds: 9) == nil)
    }

    @Test func nothingButProbesIsAnswered() throws {
        var store = try absent(try update("own"))
        let peer = try update("peer")
        let others: [SwimMessage.Body] = [
            .ack(sequence: 1, isRestarting: false), .nack(sequence: 1), .page, .updates,
            .pingRequest(sequence: 1, target: peer.node), .table(sum: .zero, wants: true),
        ]
        for body in others {
            let bytes = try datagram(body, from: peer)
            #expect(store.answer(to: bytes, now: .zero, wallMilliseconds: 9) == nil)
        }
        let probe = try datagram(.ping(sequence: 1), from: peer)
        for count in 0..<probe.count {
            let cut = Array(probe.prefix(count))
            #expect(store.answer(to: cut, now: .zero, wallMilliseconds: 9) == nil)
        }
        #expect(store.answer(to: probe, now: .zero, wallMilliseconds: 9) != nil)
    }
}
