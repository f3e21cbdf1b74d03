package import Model

/// Who of a layout's members said that it acts on that layout.
package struct LayoutAcknowledgements: Sendable {
    package let layout: Layout
    private var hasSpoken: [Bool]
    private var silentCount: Int

    package init(_ layout: Layout) {
        self.layout = layout
        hasSpoken = Array(repeating: false, count: layout.members.count)
        silentCount = layout.members.count
    }

    /// A node says so; a node that is no member, or has another disk than the layout names,
    /// changes nothing.
    package mutating func acknowledged(_ node: NodeID, disk: DiskID, layout id: LayoutID) {
        guard id == layout.id, let place = layout.place(of: node),
            layout.members[place].disk == disk, !hasSpoken[place]
        else { return }
        hasSpoken[place] = true
        silentCount -= 1
    }

    package var isComplete: Bool { silentCount == 0 }

    /// The first member, by name, that has not spoken.
    package var firstSilent: LayoutMember? {
        isComplete ? nil : hasSpoken.firstIndex(of: false).map { layout.members[$0] }
    }
}

extension Layout {
    /// Where `node` stands in `members`.
    fileprivate func place(of node: NodeID) -> Int? {
        var low = 0
        var high = members.count
        while low < high {
            let middle = (low + high) / 2
            if members[middle].node < node { low = middle + 1 } else { high = middle }
        }
        return low < members.count && members[low].node == node ? low : nil
    }
}
