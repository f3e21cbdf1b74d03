import Model

/// Rebalancing never leaves fewer copies of a file than the lower of the replication factors before
/// and after: whenever a disk drops a partition, enough others have what is in it.
enum NeverBelowMinimum {
    static let name = "NeverBelowMinimum"

    /// - Parameters:
    ///   - counts: by live file of the partition, how many other disks have its newest version.
    ///   - factor: the replication factor of the layout by which it drops.
    ///   - memberCount: the other members of that layout.
    ///   - lostDiskCount: disks that were destroyed in the last 30 s: each may have been one of
    ///     those that confirmed.
    static func dropped(
        by host: Int, counts: [(StorePath, Int)], factor: Int, memberCount: Int,
        lostDiskCount: Int, at time: Nanoseconds
    ) -> Violation? {
        let wanted = max(1, min(factor, memberCount) - lostDiskCount)
        guard let (path, count) = counts.first(where: { $0.1 < wanted }) else { return nil }
        return Violation(
            Self.name, at: time,
            "\(HostName.text(host)) drops \(path), which \(count) other disks have; at least"
                + " \(wanted) must")
    }
}
