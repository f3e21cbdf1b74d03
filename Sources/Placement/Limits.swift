/// The numbers of this room, each with its reason.
package enum PlacementLimits {
    /// Candidates that a table keeps of each partition beyond its holders: the first so many
    /// removals of one partition's candidates score nobody. With 3, a long row of removals costs
    /// (RF + 3) / 4 scores a partition and removal, no more than scoring one or two nodes.
    package static let spareCount = 3

    /// Layouts in use at once: the newest and those before it that some partition still needs.
    /// Each costs every write its holders, so a cluster that has so many finishes one before it
    /// adopts another.
    package static let activeLayoutCountMax = 4

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
    /// Credit that an idle rebalance may save up: enough for one chunk, no burst.
    package static let throttleBurst: Duration = .milliseconds(250)
}
