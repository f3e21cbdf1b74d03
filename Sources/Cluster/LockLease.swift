import Replication

/// Whether anybody in the cluster uses locks, as this node knows it.
///
/// Each write has to look for locks at its path and at all directories above it. Whoever takes a lock
/// leaves traces in each directory above it first (`LockSet`), so that the root alone says whether there
/// can be any below a name in it. And where the root has nothing at all, a node need not look again for
/// `ClusterLimits.lockLease`:
///
/// ```
///  a write's node     reads the root: nothing ├────── lease ──────┤ asks again
///  a lock's node                    trace in the root ├────── lease ──────┤ granted
/// ```
///
/// A read that found nothing began before the trace was durable, so its lease is over when the lock is
/// granted. Both are counted by clocks that go on while a machine sleeps. Where locks are in use, each
/// write reads the root, and no lock waits.
struct LockLease: Sendable {
    /// When the newest read of the root that found nothing began.
    private var quietFrom: Duration?
    /// Since when this node knows that the root has something, and when it saw that last.
    private var busySince: Duration?
    private var busySeen: Duration?

    /// - Parameters:
    ///   - isEmpty: nothing is in the root, as far as this node's clock says.
    ///   - isLasting: something is, and will be for some time by every node's clock.
    ///   - begun: when the read was begun.
    mutating func rootRead(isEmpty: Bool, isLasting: Bool, begun: Duration, now: Duration) {
        // Where it is over by some clocks, a node may just have found nothing.
        if !isLasting { busySince = nil }
        if isEmpty {
            quietFrom = max(quietFrom ?? begun, begun)
        } else {
            quietFrom = nil
        }
        if isLasting { noteTrace(now) }
    }

    /// Something is durable in the root.
    mutating func noteTrace(_ now: Duration) {
        quietFrom = nil
        // What lasts was there for so long by every clock. After that it may have gone, and come again.
        if let seen = busySeen, now > seen + ReplicationLimits.lockDoubt * 2 { busySince = nil }
        busySeen = now
        if busySince == nil { busySince = now }
    }

    /// Whether no lock can have been granted.
    func isQuiet(_ now: Duration) -> Bool {
        quietFrom.map { now < $0 + ClusterLimits.lockLease } ?? false
    }

    /// From when on a lock may be granted, that nobody knows it by an older read.
    func grantTime(_ now: Duration) -> Duration {
        // Two clocks of machines differ in their pace by some 200 ppm.
        (busySince ?? now) + ClusterLimits.lockLease * 51 / 50
    }
}
