package import Model

/// A node's hybrid logical clock (Kulkarni et al., "Logical Physical Clocks", 2014), with the rule
/// for wrong clocks.
///
/// Its last reading survives a restart: whoever makes a stamp durable makes `last` durable in the
/// same transaction, and starts with `HybridClock(restored:)`.
///
/// In doubt is a clock that is more than 60 s off the lower median of its own and its peers'
/// clocks; it stamps nothing. Of two nodes that disagree, the lower median makes the one that is
/// *ahead* doubt: a node whose clock is late still stamps above all that it has seen, one that is
/// early marks what it writes as newer than everything that others write for that long.
package struct HybridClock: Hashable, Sendable {
    /// Above every reading that was stamped or followed.
    package private(set) var last: HybridTime
    package private(set) var isInDoubt = false
    /// Sorted by peer; the latest sample of each.
    private var offsets: [Offset] = []
    /// The wall clock as it was read last, to notice that it was set.
    private var reference: Reference?

    private struct Offset: Hashable, Sendable {
        var peer: NodeID
        var milliseconds: Int64
        var measured: Duration
    }

    private struct Reference: Hashable, Sendable {
        var now: Duration
        var wallMilliseconds: UInt64
    }

    /// What an event did to the trust in this node's clock.
    package enum DoubtChange: Hashable, Sendable {
        case began
        case ended
    }

    package init(restored last: HybridTime = .zero) { self.last = last }

    /// The next reading: above all that was stamped or observed, and above `above`, the version
    /// that the stamped thing replaces. Nil while the clock is in doubt, or where nothing is above
    /// (2^64 - 1 was seen).
    ///
    /// A version from a wrong clock is topped by one for that one thing, and the clock does not
    /// follow it: such a reading is not unique, and the readings after it are lower again.
    package mutating func stamp(
        wallMilliseconds: UInt64, above: HybridTime = .zero
    ) -> HybridTime? {
        let base = max(last, above)
        guard !isInDoubt, base.value < .max else { return nil }
        let wall = Self.clamped(wallMilliseconds)
        let reading = base.next(wallMilliseconds: wall)
        if above <= last || Self.mayFollow(reading, wallMilliseconds: wall) { last = reading }
        return reading
    }

    /// Follows a peer's reading, if it is at most 60 s ahead of this node's wall clock: a peer with
    /// a wrong clock drags nobody along (what it stamped is merged all the same).
    package mutating func observe(_ remote: HybridTime, wallMilliseconds: UInt64) {
        if Self.mayFollow(remote, wallMilliseconds: Self.clamped(wallMilliseconds)) {
            last = max(last, remote)
        }
    }

    /// A peer's wall clock was measured to be `offsetMilliseconds` ahead of this node's.
    package mutating func clockOffset(
        peer: NodeID, offsetMilliseconds: Int64, now: Duration
    ) -> DoubtChange? {
        forgetOld(now: now)
        let sample = Offset(peer: peer, milliseconds: offsetMilliseconds, measured: now)
        let index = offsets.lowerBound { $0.peer < peer }
        if index < offsets.count, offsets[index].peer == peer {
            offsets[index] = sample
        } else {
            offsets.insert(sample, at: index)
            if offsets.count > CRDTLimits.clockOffsetCountMax { removeOldest() }
        }
        return judge()
    }

    /// How far the wall clock of `peer` is ahead of this one, in milliseconds, as far as it was
    /// measured lately.
    package func offset(of peer: NodeID) -> Int64? {
        let index = offsets.lowerBound { $0.peer < peer }
        return index < offsets.count && offsets[index].peer == peer
            ? offsets[index].milliseconds : nil
    }

    /// Time passed: old offsets are forgotten, and where the wall clock was set since the last
    /// call, all offsets are shifted by it, so that the doubt does not wait for new samples. To be
    /// called regularly, and before the first stamp of a wall reading that looks unlike the last.
    package mutating func timePassed(now: Duration, wallMilliseconds: UInt64) -> DoubtChange? {
        let wall = Self.clamped(wallMilliseconds)
        if let reference {
            let (seconds, attoseconds) = (now - reference.now).components
            let passed = seconds * 1_000 + attoseconds / 1_000_000_000_000_000
            let jump = Int64(wall) - Int64(reference.wallMilliseconds) - passed
            if jump.magnitude >= UInt64(CRDTLimits.clockJumpMinMilliseconds) {
                for index in offsets.indices {
                    let (shifted, overflow) = offsets[index].milliseconds
                        .subtractingReportingOverflow(jump)
                    if !overflow { offsets[index].milliseconds = shifted }
                }
            }
        }
        reference = Reference(now: now, wallMilliseconds: wall)
        forgetOld(now: now)
        return judge()
    }

    private mutating func forgetOld(now: Duration) {
        offsets.removeAll { now - $0.measured > CRDTLimits.clockOffsetAge }
    }

    private mutating func removeOldest() {
        guard let oldest = offsets.min(by: { $0.measured < $1.measured }) else { return }
        offsets.removeAll { $0.peer == oldest.peer }
    }

    private mutating func judge() -> DoubtChange? {
        // Own clock: 0. The median is beyond a limit where enough readings are.
        let limit = CRDTLimits.clockErrorMaxMilliseconds
        let place = offsets.count / 2
        let ahead = offsets.count { $0.milliseconds > limit }
        let behind = offsets.count { $0.milliseconds < -limit }
        let doubt = ahead >= offsets.count + 1 - place || behind > place
        defer { isInDoubt = doubt }
        return doubt == isInDoubt ? nil : doubt ? .began : .ended
    }

    private static func mayFollow(_ reading: HybridTime, wallMilliseconds: UInt64) -> Bool {
        reading.wallMilliseconds
            <= wallMilliseconds + UInt64(CRDTLimits.clockErrorMaxMilliseconds)
    }

    /// A hybrid reading has 48 bits for the wall clock (to the year 10889).
    private static func clamped(_ wallMilliseconds: UInt64) -> UInt64 {
        min(wallMilliseconds, (1 << 48) - 1)
    }
}
