import CRDT
import Membership
import Model
import Replication

// A disk that was rolled back has forgotten what it acknowledged and promised, and would give its
// sequences out again. So disks count epochs: while a disk changes, its number is raised now and
// then, made durable, and told to all in the node's register. At its start a node asks what others
// remember; where that is more than its disk knows of itself, the disk is an old state, and becomes
// a new disk: what is on it merges as anything that comes back, and it counts for nothing until it
// has synced.
extension ClusterNode {
    /// Whether the disk may answer peers, and do work of its own.
    var isDiskTrusted: Bool { diskCheck.stage == .passed }

    /// Whether this node may coordinate: a disk that nobody can vouch for is all there is.
    var mayCoordinate: Bool {
        isDiskTrusted || diskCheck.stage == .alone && !hasReachablePeers
    }

    private var hasReachablePeers: Bool { membership.alivePeers.contains(where: isReachable) }

    mutating func diskCheckTick(_ turn: inout Turn) {
        switch diskCheck.stage {
        case .passed: return countEpoch(&turn)
        case .skipping, .rolledBack: return
        case .asking, .alone: break
        }
        let hasWaited = turn.now.monotonic - startedAt >= ClusterLimits.startWait
        guard hasReachablePeers else {
            if isOnlyNode { return trustDisk(&turn) }
            if hasWaited, diskCheck.stage == .asking { goOnAlone(&turn) }
            return
        }
        let (next, isAnyOpen) = nextToAsk()
        if !isAnyOpen, hasWaited, !mayBeVouchedFor(turn) { return trustDisk(&turn) }
        for peer in next {
            diskCheck.asked.insert(peer)
            diskCheck.askedLast = peer
            ask(
                peer, .epoch(of: disk), layouts: nil, timeout: ClusterLimits.epochTimeout,
                .epoch(peer), &turn)
        }
    }

    /// The peers to ask, and whether there are any that were not asked or have not answered. Looked
    /// for behind the one that was asked last: all of a forming cluster know nothing yet, and are
    /// asked one after the other.
    private func nextToAsk() -> (next: [NodeID], isAnyOpen: Bool) {
        let peers = membership.alivePeers
        let room = ClusterLimits.epochQuestionsMax - diskCheck.asked.count
        let start = diskCheck.askedLast.flatMap { last in peers.firstIndex { last < $0 } } ?? 0
        var next: [NodeID] = []
        var isAnyOpen = !diskCheck.asked.isEmpty
        if room <= 0 { return (next, isAnyOpen) }
        for offset in peers.indices {
            let peer = peers[(start + offset) % peers.count]
            guard !diskCheck.ignorant.contains(peer), !diskCheck.asked.contains(peer),
                isReachable(peer)
            else { continue }
            isAnyOpen = true
            next.append(peer)
            if next.count >= room { break }
        }
        return (next, isAnyOpen)
    }

    /// Whether a member that could know more of this disk may still come into reach. It is waited for
    /// longer than for others, and not for ever: it may be gone for good.
    private func mayBeVouchedFor(_ turn: Turn) -> Bool {
        guard turn.now.monotonic - startedAt < ClusterLimits.voucherWait else { return false }
        return layouts.members.contains {
            $0 != configuration.node && !diskCheck.ignorant.contains($0)
        }
    }

    /// Whether there is nobody to be asked, as far as is known.
    private var isOnlyNode: Bool {
        layouts.members.isEmpty ? isAlone : layouts.members == [configuration.node]
    }

    /// Nobody can be asked. What is written now has sequences that no forgotten write can have.
    private mutating func goOnAlone(_ turn: inout Turn) {
        diskCheck.stage = .skipping
        store(.skipSequences(ClusterLimits.sequencesSkipped), .upkeep(.skipped), &turn)
    }

    mutating func skipped() {
        if diskCheck.stage == .skipping { diskCheck.stage = .alone }
    }

    mutating func replyEpoch(
        of asked: DiskID, to peer: NodeID, _ request: UInt64, _ turn: inout Turn
    ) {
        let register = gossip.state.register(of: peer)
        let known = register?.disk == asked ? register?.facts.epoch : nil
        // Who has all that he knows from the asker alone can vouch for nothing.
        let isInformed = gossip.isInformed && gossip.informant != peer
        let body = PeerReply.Body.epoch(known, isInformed: isInformed)
        turn.send(.reply(PeerReply(id: request, disk: disk, body: body)), to: peer)
    }

    mutating func resumeEpoch(_ peer: NodeID, _ answer: Answer, _ turn: inout Turn) {
        diskCheck.asked.remove(peer)
        guard diskCheck.stage == .asking || diskCheck.stage == .alone,
            case .epoch(let known, let isInformed) = answer
        else { return }
        if let known, known > diskCheck.epoch, !configuration.canaries.contains(.trustsOldDisks) {
            return renewDisk(&turn)
        }
        guard known != nil || diskCheck.isNew, isInformed else {
            diskCheck.ignorant.insert(peer)
            return
        }
        trustDisk(&turn)
    }

    private mutating func trustDisk(_ turn: inout Turn) {
        diskCheck.stage = .passed
        diskCheck.asked = []
        diskCheck.ignorant = []
        announce(&turn)
    }

    private mutating func renewDisk(_ turn: inout Turn) {
        diskCheck.stage = .rolledBack
        stop()
        turn.directives.append(.notice(.diskRolledBack(disk)))
        turn.directives.append(.renewDisk(DiskID(using: &turn.generator)))
    }

    // MARK: Counting

    private mutating func countEpoch(_ turn: inout Turn) {
        let now = turn.now.monotonic
        guard diskCheck.isEpochDue, !diskCheck.isEpochSaving, now >= diskCheck.nextEpoch else {
            return
        }
        // So that all nodes together change their registers once a second at most.
        let count = gossip.state.registers.count
        diskCheck.nextEpoch =
            now + max(ClusterLimits.epochInterval, ClusterLimits.epochIntervalPerNode * count)
        diskCheck.isEpochDue = false
        diskCheck.isEpochSaving = true
        let next = diskCheck.epoch + 1
        store(.save([MetaRow(.epoch, NodeMemory.encode(next))]), .upkeep(.epoch(next)), &turn)
    }

    mutating func epochSaved(_ epoch: UInt64, _ turn: inout Turn) {
        diskCheck.isEpochSaving = false
        diskCheck.epoch = epoch
        announce(&turn)
    }
}
