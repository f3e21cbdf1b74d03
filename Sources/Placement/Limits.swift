/// The numbers of this room, each with its reason.
package enum PlacementLimits {
    /// Candidates that are kept of each partition beyond its holders and hand-offs: the first so
    /// many removals of one partition's candidates score nobody.
    package static let spareCount = 3

    /// How old a holder's word may be that it has a partition, when the copy here is dropped for it:
    /// time for the other holders to confirm, and below that in which a death becomes known.
    package static let confirmationAge = Duration.seconds(5)

    /// A rebalance starts at this many bytes a second: a quarter of a gigabit link.
    package static let throttleStart: Int64 = 32 << 20
    /// And never falls below this: a cluster that is always busy still heals, 1 TiB in 6 days.
    package static let throttleMin: Int64 = 2 << 20
    /// Faster than the disks and links of the machines this is for.
    package static let throttleMax: Int64 = 4 << 30
    /// What is added an interval while the foreground is well: from the least to a gigabit link's
    /// 120 MB/s in half a minute.
    package static let throttleIncrease: Int64 = 4 << 20
    /// A cut shows in the latency only after what was under way is done, so the budget moves at
    /// most once in this time.
    package static let throttleInterval: Duration = .seconds(1)
    /// The foreground latency above which a rebalance yields: where a person begins to notice
    /// (Nielsen's 100 ms), halved.
    package static let latencyTarget: Duration = .milliseconds(50)
    /// A sample moves the smoothed latency by an eighth (as RFC 6298 does with round trips), so
    /// that one slow request among many cuts nothing.
    package static let latencySmoothing: Int = 8
    /// Debt beyond this is forgiven: an hour at the least budget, whatever one file's size was.
    package static let throttleDebt: Int64 = 3600 * throttleMin
    /// Credit that an idle rebalance may save up: enough for one chunk, no burst.
    package static let throttleBurst: Duration = .milliseconds(250)
}
