package import Model

/// What membership wants done, or has found out.
package enum MembershipDirective: Sendable {
    case send(SwimMessage, to: NodeID)
    case changed(NodeID, from: PeerState?, to: PeerState)
    /// A new life of a known node, perhaps on another disk.
    case rejoined(NodeID, DiskID)
    /// Its store restarts: it is alive, and counts in no quorum; or that is over.
    case restarting(NodeID, Bool)
    /// How far the node's wall clock is ahead of this one's.
    case clockSample(NodeID, milliseconds: Int64)
    /// A member of the layout has been dead for longer than the grace period.
    case graceOver(NodeID)
    /// This node's life is a higher one now than it was started with; to be durable before the next
    /// start.
    case lifeRaised(UInt32)
    /// Two nodes use one id, with these disks.
    case duplicateIdentity(NodeID, DiskID, DiskID)
    /// Peers to say hello to after a restart; to be made durable at leisure.
    case persist([NodeID])
}

/// What a shell may set.
package struct MembershipConfiguration: Sendable {
    /// How long a dead node stays in the layout.
    package var grace: Duration
    /// The shortest suspicion, in periods; see `MembershipLimits.suspicionPeriods`.
    package var suspicionPeriods = MembershipLimits.suspicionPeriods

    package init(grace: Duration = .seconds(600)) { self.grace = grace }
}
