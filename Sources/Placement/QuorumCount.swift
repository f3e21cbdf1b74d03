package import Model

/// Counts the holders that acknowledged one operation, against each layout in use: a quorum is
/// ⌊RF'/2⌋ + 1 of the RF' holders in *each*.
///
/// Holders are distinct (node, disk) pairs: an answer from a disk that a layout does not name for
/// that node counts for nothing there, for a wiped disk has forgotten what its node once said.
package struct QuorumCount: Sendable {
    private struct Group {
        var holders: [LayoutMember]
        var hasAnswered: [Bool]
        var answered = 0

        var needed: Int { holders.count / 2 + 1 }
    }

    private var groups: [Group]

    package init(holdersPerLayout: [[LayoutMember]]) {
        groups = holdersPerLayout.map {
            Group(holders: $0, hasAnswered: Array(repeating: false, count: $0.count))
        }
    }

    /// Takes the acknowledgement of a disk; a repeated one changes nothing.
    ///
    /// - Returns: whether it counted for the first time in some layout.
    @discardableResult
    package mutating func count(_ node: NodeID, disk: DiskID) -> Bool {
        var isNew = false
        for group in groups.indices {
            for index in groups[group].holders.indices
            where groups[group].holders[index].node == node {
                guard groups[group].holders[index].disk == disk else { continue }
                guard !groups[group].hasAnswered[index] else { continue }
                groups[group].hasAnswered[index] = true
                groups[group].answered += 1
                isNew = true
            }
        }
        return isNew
    }

    /// Whether each layout has its majority. A layout without holders never has.
    package var isMet: Bool { groups.allSatisfy { $0.answered >= $0.needed } }

    /// Whether every holder of every layout has acknowledged.
    package var isComplete: Bool { groups.allSatisfy { $0.answered == $0.holders.count } }

    /// Acknowledgements of the newest layout's holders: the copies that stay.
    package var newestCount: Int { groups.last?.answered ?? 0 }

    /// Whether some layout cannot reach its majority while those holders that have not answered
    /// and are `unreachable` stay so.
    package func isImpossible(unreachable: (LayoutMember) -> Bool) -> Bool {
        groups.contains { group in
            var possible = group.answered
            for index in group.holders.indices
            where !group.hasAnswered[index] && !unreachable(group.holders[index]) {
                possible += 1
            }
            return possible < group.needed
        }
    }
}
