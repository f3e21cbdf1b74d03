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
    var sources: [NodeID: Source] = [:]
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
        sources = [:]
        disks = [:]
        theirDeclarations = [:]
        isDeclaring = false
        isDone = false
    }

    mutating func begin(_ layout: LayoutID) {
        guard self.layout != layout else { return }
        self.layout = layout
        sources = [:]
        disks = [:]
        theirDeclarations = [:]
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
