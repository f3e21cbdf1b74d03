package import Model

/// What gossip wants done, in this order.
package enum GossipDirective: Hashable, Sendable {
    case send(GossipMessage, to: NodeID)
    /// Rows to be made durable, one an entry (replacing the row of the same `key`), before the node
    /// relies on them: before it acts on the `.changed` that follow.
    case persist(Delta)
    /// Rows that are of no use any more. No harm comes where they stay.
    case forget([EntryKey])
    case changed(GossipChange)
}

/// What the node should react to.
package enum GossipChange: Hashable, Sendable {
    /// The keys of settings that changed.
    case settings([String])
    case registers([NodeID])
    /// The draft of the layout says something new.
    case draft
    /// Layouts became active, complete or retired: `LayoutHistory.activeDigest` may be another.
    case layouts
    /// The node now belongs to an established cluster that it did not belong to.
    case identity(ClusterIdentity)
    /// See `Gossip.isInformed`; to be made durable.
    case informed
    /// Another established cluster of this name, or one of another name, is within reach. Said at
    /// most every 30 s.
    case identityConflict(ClusterIdentity, from: NodeID)
    /// Two nodes use one id, or a node lost its disk and its past.
    case duplicateNode(NodeRegister)
    /// So many entries were beyond a limit.
    case refused(Int)
}
