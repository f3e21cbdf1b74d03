import Model

/// Rebalancing never leaves fewer copies of a file than the lower of the replication factors before
/// and after: whenever a disk drops a partition, enough others have what is in it.
struct NeverBelowMinimum {
    static let name = "NeverBelowMinimum"

    /// The lowest factor that was asked for so far: a layout with it may be in use for long.
    private(set) var lowestFactor: Int

    init(factor: Int) { lowestFactor = factor }

    mutating func asked(for factor: Int) { lowestFactor = min(lowestFactor, factor) }

    /// - Parameters:
    ///   - counts: by live file of the partition, how many other disks have its newest version.
    ///   - memberCount: the other members of the layout by which it drops.
    ///   - lostDiskCount: disks that were destroyed: each may have been one of the confirming ones.
    func dropped(
        by host: Int, counts: [(StorePath, Int)], memberCount: Int, lostDiskCount: Int,
        at time: Nanoseconds
    ) -> Violation? {
        let wanted = max(1, min(lowestFactor, memberCount) - lostDiskCount)
        guard let (path, count) = counts.first(where: { $0.1 < wanted }) else { return nil }
        return Violation(
            Self.name, at: time,
            "\(HostName.text(host)) drops \(path), which \(count) other disks have; at least"
                + " \(wanted) must")
    }
}
