package import Model

/// Who may take a node out of the layout.
package enum OutRule {
    /// Whether a node that sees `alive` (itself included) may take another one out: only where
    /// they are a strict majority of the members of what would change, the draft. So a minority
    /// never re-places data, and of two nodes neither takes the other out.
    ///
    /// The members of older layouts do not count: where nodes were replaced one after the other
    /// while no layout became complete, nobody might ever have a majority of the last complete one
    /// again. A side of a cut that grows by new nodes until it is a majority of its own draft may
    /// thus take the other side out; under `majority` it still cannot write without a quorum of the
    /// older layouts, and under `available` the other side comes back with all that it has.
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
        return isMajority(alive, of: draft)
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
