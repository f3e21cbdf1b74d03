import Membership
import Model

/// One node of the core, its directives as they come, and shorthands for what it is told.
struct Lone {
    var core: Membership
    var now = Duration.zero
    var generator = SplitMix64(seed: 1)
    var directives: [MembershipDirective] = []

    static let own = Lone.id("own")

    init(disk: DiskID = Lone.disk(1), life: UInt32 = 1, grace: Duration = .seconds(600)) {
        core = Membership(
            node: Lone.own, disk: disk, life: life, now: .zero,
            configuration: MembershipConfiguration(grace: grace))
    }

    static func id(_ name: String) -> NodeID {
        guard let id = NodeID(name) else { preconditionFailure("a good name") }
        return id
    }

    static func disk(_ number: UInt64) -> DiskID { DiskID(bits: Bits128(high: 7, low: number)) }

    static func update(
        _ name: String, _ state: PeerState = .alive, life: UInt64 = 1, refutations: UInt64 = 0,
        disk: UInt64 = 2, witness: String? = nil
    ) -> PeerUpdate {
        PeerUpdate(
            node: id(name), disk: Lone.disk(disk), incarnation: life << 32 | refutations,
            state: state, witness: witness.map(Lone.id))
    }

    mutating func receive(
        _ body: SwimMessage.Body = .updates, from sender: PeerUpdate, _ updates: [PeerUpdate] = []
    ) {
        core.received(
            SwimMessage(
                body: body, sender: sender, wallMilliseconds: 1_800_000_000_000, updates: updates),
            from: sender.node, now: now, wallMilliseconds: 1_800_000_000_000, using: &generator,
            into: &directives)
    }

    /// Time passes as a shell lets it pass: the core is called at its deadlines.
    mutating func pass(_ time: Duration) {
        let end = now + time
        while core.nextDeadline <= end {
            now = max(now, core.nextDeadline)
            core.timePassed(
                now: now, wallMilliseconds: 1_800_000_000_000, using: &generator,
                into: &directives)
        }
        now = end
    }

    /// As `pass`, and each of `names` answers every ping at once.
    mutating func pass(
        _ time: Duration, answering names: Set<NodeID>, isRestarting: Bool = false
    ) {
        let end = now + time
        while core.nextDeadline <= end {
            now = max(now, core.nextDeadline)
            let first = directives.count
            core.timePassed(
                now: now, wallMilliseconds: 1_800_000_000_000, using: &generator,
                into: &directives)
            for directive in directives[first...] {
                guard case .send(let message, let peer) = directive, names.contains(peer),
                    case .ping(let sequence) = message.body
                else { continue }
                receive(
                    .ack(sequence: sequence, isRestarting: isRestarting),
                    from: Lone.update(peer.name))
            }
        }
        now = end
    }

    mutating func forget() { directives = [] }

    func state(_ name: String) -> PeerState? { core.state(of: Lone.id(name)) }

    var sent: [(message: SwimMessage, to: NodeID)] {
        directives.compactMap {
            if case .send(let message, let peer) = $0 { return (message, peer) }
            return nil
        }
    }

    /// What the node says of itself, by the last message that it sent.
    var saidOfItself: PeerUpdate? { sent.last?.message.sender }

    var duplicatesSaid: Int {
        directives.count {
            if case .duplicateIdentity = $0 { return true }
            return false
        }
    }

    var livesRaised: [UInt32] {
        directives.compactMap {
            if case .lifeRaised(let life) = $0 { return life }
            return nil
        }
    }

    var gracesSaid: [NodeID] {
        directives.compactMap {
            if case .graceOver(let node) = $0 { return node }
            return nil
        }
    }

    var restartsSaid: [Bool] {
        directives.compactMap {
            if case .restarting(_, let isRestarting) = $0 { return isRestarting }
            return nil
        }
    }

    var rejoinsSaid: [DiskID] {
        directives.compactMap {
            if case .rejoined(_, let disk) = $0 { return disk }
            return nil
        }
    }
}
