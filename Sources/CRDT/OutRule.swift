package import Model

/// Who may take a node out of the layout.
package enum OutRule {
    /// Whether a node that sees `alive` (itself included) may take another one out: only where
    /// they are a strict majority of the members of what would change, the draft, and of each
    /// complete layout (there a quorum of the last agreed state is). So a minority never
    /// re-places data, and of two nodes neither takes the other out.
    ///
    /// - Parameters:
    ///   - alive: sorted; nodes that are not members do not count.
    ///   - force: an operator's word.
    /// - Complexity: O(members × log alive).
    package static func mayTakeOut(
        _ node: NodeID, from history: LayoutHistory, alive: [NodeID], force: Bool = false
    ) -> Bool {
        guard history.draft.entry(of: node)?.member != nil else { return false }
        if force { return true }
        let draft = history.draft.entries.lazy.filter { $0.member != nil }.map(\.node)
        guard isMajority(alive, of: draft) else { return false }
        for one in history.active where one.isComplete {
            guard isMajority(alive, of: one.layout.members.lazy.map(\.node)) else { return false }
        }
        return true
    }

    private static func isMajority(_ alive: [NodeID], of members: some Sequence<NodeID>) -> Bool {
        var seen = 0
        var count = 0
        for member in members {
            count += 1
            let index = alive.lowerBound { $0 < member }
            if index < alive.count, alive[index] == member { seen += 1 }
        }
        return 2 * seen > count
    }
}
