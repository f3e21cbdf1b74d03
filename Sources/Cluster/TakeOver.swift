import CRDT
import Model
import Replication

/// How far this node has come with taking over what it holds in the newest layout: everything that
/// the holders in the layouts before have of it.
struct TakeOver: Sendable {
    enum Source: Equatable, Sendable {
        /// Asked which partitions there are.
        case asked
        /// So many exchanges are still to be done.
        case pulling(Int)
        case pulled
        /// An exchange failed: from the beginning, at the next tick.
        case failed
    }

    /// The layout that is being taken over.
    private(set) var layout: LayoutID?
    /// Nobody is asked before.
    private var notBefore = Duration.zero
    private(set) var sources: [NodeID: Source] = [:]
    /// Members of the older layouts that were not asked yet, and those that failed; the last is
    /// the next one.
    private(set) var unasked: [NodeID] = []
    private var failed: [(node: NodeID, since: Duration)] = []
    private var askedCount = 0
    private var pullingCount = 0
    /// The disks that answered.
    var disks: [NodeID: DiskID] = [:]
    /// What these had declared synced by then. They know the layout that is taken over, and declare
    /// nothing below it any more.
    var theirDeclarations: [NodeID: [LayoutID]] = [:]
    /// The layouts in use that this disk declared synced, durable before anybody hears of it: what
    /// is not here was declared in no life before either.
    var declarations: [LayoutID] = []
    /// The newest layout that this node declared synced.
    var declared: LayoutID?
    /// Everything is here; the declaration is being made durable.
    var isDeclaring = false
    var isDone = false

    /// The layouts changed: what was pulled before counts no more, since it was pulled from nodes
    /// that might still take writes by the layouts of then.
    mutating func restart() {
        layout = nil
        clear()
        isDeclaring = false
        isDone = false
    }

    private mutating func clear() {
        sources = [:]
        unasked = []
        failed = []
        askedCount = 0
        pullingCount = 0
        disks = [:]
        theirDeclarations = [:]
    }

    /// - Parameter nodes: sorted.
    mutating func begin(_ layout: LayoutID, asking nodes: [NodeID], now: Duration) {
        self.layout = layout
        clear()
        notBefore = now + ClusterLimits.takeOverDelayPerNode * max(0, nodes.count - 100)
        unasked = nodes.reversed()
    }

    /// Nobody is asked, and nothing comes any more: who is left could not be asked.
    var isWaitingForNobody: Bool { askedCount == 0 && pullingCount == 0 && unasked.isEmpty }

    /// Nodes that have not given all they have.
    var unpulledCount: Int { askedCount + pullingCount + unasked.count + failed.count }

    /// Those that could not be asked so far.
    var missing: [NodeID] { failed.map(\.node) }

    /// The next ones to ask, no more than may be asked at one time; they count as asked. Who is gone
    /// is not asked.
    mutating func takeNext(now: Duration, isGone: (NodeID) -> Bool) -> [NodeID] {
        guard now >= notBefore else { return [] }
        var next: [NodeID] = []
        func hasRoom() -> Bool { askedCount + next.count < ClusterLimits.takeOverAskedMax }
        var still: [(node: NodeID, since: Duration)] = []
        for (node, since) in failed {
            let isDue = now - since >= ClusterLimits.takeOverRetry
            if isDue, hasRoom(), !isGone(node) {
                next.append(node)
            } else {
                still.append((node, since))
            }
        }
        failed = still
        while hasRoom(), let node = unasked.popLast() {
            // It is asked when it comes back before the others are done.
            if isGone(node) { failed.append((node, .zero)) } else { next.append(node) }
        }
        for node in next { sources[node] = .asked }
        askedCount += next.count
        return next
    }

    func isAsked(_ node: NodeID) -> Bool { sources[node] == .asked }

    /// The node did not answer, or not by this layout.
    mutating func askingFailed(_ node: NodeID, now: Duration) {
        sources[node] = .failed
        askedCount -= 1
        failed.append((node, now))
    }

    /// The node answered.
    /// - Parameter differing: partitions that are fetched now.
    mutating func answered(
        _ node: NodeID, by disk: DiskID, declared: [LayoutID], differing: Int
    ) {
        disks[node] = disk
        theirDeclarations[node] = declared
        askedCount -= 1
        sources[node] = differing == 0 ? .pulled : .pulling(differing)
        if differing > 0 { pullingCount += 1 }
    }

    /// An exchange ended.
    mutating func took(from node: NodeID, succeeded: Bool, now: Duration) {
        guard case .pulling(let left) = sources[node] else { return }
        if succeeded, left > 1 {
            sources[node] = .pulling(left - 1)
            return
        }
        pullingCount -= 1
        sources[node] = succeeded ? .pulled : .failed
        if !succeeded { failed.append((node, now)) }
    }

    /// Whether so many holders of each partition were read, in each layout that needs it, that every
    /// majority of them has one: of an even number, half is enough. With at most this many left out,
    /// that is so whichever partition it is. A disk that took the place of another has not what that
    /// one had. Where an operator gave members up, all the others: more there is not.
    func meetsMajorities(
        of older: some Sequence<Layout>, in history: LayoutHistory, without skipped: Set<NodeID>,
        own: Target
    ) -> Bool {
        older.allSatisfy { layout in
            guard isNeeded(layout, in: history, own: own) else { return true }
            let holders = min(layout.replicationFactor, layout.members.count)
            func isGivenUp(_ member: LayoutMember) -> Bool {
                history.draft.entry(of: member.node)?.state == .givenUp
            }
            let missing = layout.members.count { member in
                if isGivenUp(member) { return false }
                let read = member.node == own.node ? own.disk : disks[member.node]
                return skipped.contains(member.node) || read != member.disk
            }
            return missing <= (layout.members.contains(where: isGivenUp) ? 0 : holders / 2)
        }
    }

    /// Whether something may have been written by this layout alone. That takes a node to which it
    /// is complete; else whatever is written by it is also written by one below. A member that has
    /// not declared it, and knows the newest by now, never will: then it is complete nowhere.
    func isNeeded(_ layout: Layout, in history: LayoutHistory, own: Target) -> Bool {
        guard let one = history.active(layout.id), !one.isComplete,
            history.active.contains(where: { $0.published.isBelow(one.published) })
        else { return true }
        return !layout.members.contains { member in
            if member.node == own.node {
                return member.disk == own.disk && !declarations.contains(layout.id)
            }
            return disks[member.node] == member.disk
                && theirDeclarations[member.node]?.contains(layout.id) == false
        }
    }
}
