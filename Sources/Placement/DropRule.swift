package import Model

/// A holder's word that it has a version durable on its disk, under a layout.
package struct HoldingConfirmation: Hashable, Sendable {
    package var node: NodeID
    package var disk: DiskID
    package var layout: LayoutID
    package var version: Dot

    package init(node: NodeID, disk: DiskID, layout: LayoutID, version: Dot) {
        self.node = node
        self.disk = disk
        self.layout = layout
        self.version = version
    }
}

/// When a node may drop its copy of one version: never while that could leave fewer copies than
/// the old or the new layout promises.
package struct DropRule: Sendable {
    /// Why a copy stays.
    package enum Reason: Hashable, Sendable {
        /// The node is a holder in the current layout, on this disk or another.
        case isHolder
        /// The node confirmed this version under the current layout: others may have counted it.
        case hasConfirmed
        /// This member may still act on an older layout.
        case isUnacknowledged(NodeID)
        /// This holder has not confirmed the version on the disk that the layout names.
        case isUnconfirmed(NodeID)
        /// The layout has no holders at all.
        case hasNoHolders
    }

    package enum Verdict: Hashable, Sendable {
        case drop
        case keep(Reason)
    }

    /// The node that asks.
    package var node: NodeID
    /// The current layout.
    package var layout: Layout
    /// Its holders of the partition.
    package var holders: [LayoutMember]
    /// Whether a member acknowledged the current layout, on the disk that the layout names.
    package var hasAcknowledged: @Sendable (LayoutMember) -> Bool

    package init(
        node: NodeID, layout: Layout, holders: [LayoutMember],
        hasAcknowledged: @escaping @Sendable (LayoutMember) -> Bool
    ) {
        self.node = node
        self.layout = layout
        self.holders = holders
        self.hasAcknowledged = hasAcknowledged
    }

    /// - Parameters:
    ///   - version: what the node would drop.
    ///   - confirmations: what holders said of this path, in any order.
    ///   - confirmedUnder: the layouts under which the asking node itself confirmed this version.
    package func verdict(
        on version: Dot, confirmations: [HoldingConfirmation], confirmedUnder: [LayoutID]
    ) -> Verdict {
        if holders.isEmpty { return .keep(.hasNoHolders) }
        if holders.contains(where: { $0.node == node }) { return .keep(.isHolder) }
        if confirmedUnder.contains(layout.id) { return .keep(.hasConfirmed) }
        for member in layout.members where !hasAcknowledged(member) {
            return .keep(.isUnacknowledged(member.node))
        }
        for holder in holders {
            let word = HoldingConfirmation(
                node: holder.node, disk: holder.disk, layout: layout.id, version: version)
            if !confirmations.contains(word) { return .keep(.isUnconfirmed(holder.node)) }
        }
        return .drop
    }
}
