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
    /// Since when this node knows that the root has something.
    private var busySince: Duration?

    /// - Parameter begun: when the read was begun.
    mutating func rootRead(isEmpty: Bool, begun: Duration, now: Duration) {
        guard isEmpty else { return noteTrace(now) }
        quietFrom = max(quietFrom ?? begun, begun)
        busySince = nil
    }

    /// Something is durable in the root.
    mutating func noteTrace(_ now: Duration) {
        quietFrom = nil
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
