import Model

/// Whether the disk is as this node left it, or an old state of itself: a machine that was set back
/// to a snapshot, a backup that was put in its place.
///
/// ```
///             a peer that knows the cluster knows no higher epoch
///   asking ─────────────────────────────────────────────────────────▶ passed
///     │  ▲                                                               ▲
///     │  └─────────── a peer is there ── alone (serves, by new sequences) ┘
///     │  nobody is reached, for a while ──▶ │
///     └──────────── somebody knows a higher epoch ──▶ rolled back: a new id, and a new life
/// ```
struct DiskCheck: Sendable {
    enum Stage: Sendable { case asking, skipping, alone, passed, rolledBack }

    var stage = Stage.asking
    /// The disk's own, as it is durable: counts on while the disk changes.
    var epoch: UInt64 = 0
    /// Nobody was ever told of it, as far as the disk itself knows.
    var isNew = false
    /// Peers that were asked, and that know nothing of this disk.
    var asked: Set<NodeID> = []
    var ignorant: Set<NodeID> = []
    var askedLast: NodeID?

    /// Something changed that no peer's epoch stands for yet.
    var isEpochDue = false
    var isEpochSaving = false
    var nextEpoch = Duration.zero
}
