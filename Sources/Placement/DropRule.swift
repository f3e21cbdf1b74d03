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
    /// The current layout and who has acknowledged it.
    package var acknowledgements: LayoutAcknowledgements
    /// Its holders of the partition.
    package var holders: [LayoutMember]

    package init(
        node: NodeID, acknowledgements: LayoutAcknowledgements, holders: [LayoutMember]
    ) {
        self.node = node
        self.acknowledgements = acknowledgements
        self.holders = holders
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
        let layout = acknowledgements.layout
        if confirmedUnder.contains(layout.id) { return .keep(.hasConfirmed) }
        if let silent = acknowledgements.firstSilent {
            return .keep(.isUnacknowledged(silent.node))
        }
        for holder in holders {
            let word = HoldingConfirmation(
                node: holder.node, disk: holder.disk, layout: layout.id, version: version)
            if !confirmations.contains(word) { return .keep(.isUnconfirmed(holder.node)) }
        }
        return .drop
    }
}
