package import Model

/// What a node knows of the use of quotas, and whether it may take a write: a look into memory wherever
/// there is room enough.
///
/// ```
///   write ─▶ admits: sums + all that may not be in them yet + its size ≤ limit ─▶ go on
///              └─ no, or the sums are old ─▶ sums and the file's old size are asked for ─▶ decide
/// ```
///
/// What nodes admit at one time they do not know of each other: a quota may be exceeded by what is
/// written within `ClusterLimits.quotaAge`.
package struct QuotaBook: Sendable {
    /// The use of one quota, as the disks' sums say.
    package struct Use: Hashable, Sendable {
        package var byteCount: UInt64
        /// Whether every file is in it. A new quota's are counted beside other work.
        package var isComplete: Bool

        package init(byteCount: UInt64, isComplete: Bool) {
            self.byteCount = byteCount
            self.isComplete = isComplete
        }
    }

    /// A write that would add to what quotas count.
    package struct Write: Sendable {
        package var path: StorePath
        package var byteCount: UInt64
        /// It is known by this until it ended.
        package var operation: OperationID
        /// Where the file is moved from: quotas that cover both paths are not concerned.
        package var source: StorePath?

        package init(
            to path: StorePath, byteCount: UInt64, _ operation: OperationID,
            from source: StorePath? = nil
        ) {
            self.path = path
            self.byteCount = byteCount
            self.operation = operation
            self.source = source
        }
    }

    /// A quota that has no room.
    package struct Refusal: Hashable, Sendable {
        package var quota: Quota
        /// Without what is being written.
        package var used: UInt64
        /// Of other writes that are under way.
        package var reserved: UInt64
        package var needed: UInt64
    }

    package enum Verdict: Hashable, Sendable {
        case admitted
        case refused(Refusal)
        /// The sums are older than the write, or some of what was acknowledged a moment ago may be in them
        /// already: they are to be asked for after `ClusterLimits.quotaCommitDelay`.
        case unclear
    }

    private struct Growth {
        var directories: [StorePath]
        var byteCount: UInt64
    }

    package private(set) var quotas: [Quota] = []
    /// As they were at `asOf`; by directory.
    private var uses: [StorePath: Use] = [:]
    /// When the sums were asked for.
    private var asOf: Duration?
    /// Writes under way.
    private var open: [OperationID: Growth] = [:]
    /// Their sums, by directory.
    private var reserved: [StorePath: UInt64] = [:]
    /// Writes that ended, and may not be in the sums: by the time of their ends.
    private var ended: [(at: Duration, byteCounts: [StorePath: UInt64])] = []

    package init() {}

    package mutating func set(_ quotas: [Quota]) {
        guard quotas != self.quotas else { return }
        // A quota that is new was never summed.
        let known = Set(self.quotas.map(\.directory))
        if !known.isSuperset(of: quotas.map(\.directory)) { asOf = nil }
        self.quotas = quotas
        uses = uses.filter { use in quotas.contains { $0.directory == use.key } }
    }

    package func use(of quota: Quota) -> Use? { uses[quota.directory] }

    /// - Returns: nil before the first sums.
    package func age(_ now: Duration) -> Duration? { asOf.map { now - $0 } }

    // MARK: Writes

    private func concerned(_ write: Write) -> [Quota] {
        quotas.filter { quota in
            quota.covers(write.path) && !(write.source.map(quota.covers) ?? false)
        }
    }

    /// Whether a quota may refuse it at all.
    package func concerns(_ write: Write) -> Bool {
        !quotas.isEmpty && write.byteCount > 0 && !concerned(write).isEmpty
    }

    /// Whether there is room for all of the write, as far as is known, even if nothing makes way for it.
    /// Then it is under way from here on.
    package mutating func admits(_ write: Write, _ now: Duration) -> Bool {
        guard let asOf, now - asOf <= ClusterLimits.quotaAge else { return false }
        takeBack(write.operation)
        let quotas = concerned(write)
        for quota in quotas {
            let taken =
                used(quota).plus(reserved(quota)).plus(unsure(quota)).plus(write.byteCount)
            if taken > quota.limit { return false }
        }
        begin(write, quotas)
        return true
    }

    /// Decides by fresh sums.
    /// - Parameters:
    ///   - oldByteCount: of the file that makes way.
    ///   - arrival: sums that were asked for earlier do not count.
    ///   - isLast: what is unclear is refused.
    package mutating func decide(
        _ write: Write, replacing oldByteCount: UInt64, arrival: Duration, isLast: Bool
    ) -> Verdict {
        takeBack(write.operation)
        var write = write
        write.byteCount -= min(oldByteCount, write.byteCount)
        guard write.byteCount > 0 else { return .admitted }
        guard isLast || asOf.map({ $0 >= arrival }) ?? false else { return .unclear }
        var isUnclear = false
        let quotas = concerned(write)
        for quota in quotas {
            let certain = used(quota).plus(reserved(quota)).plus(write.byteCount)
            let isOver = certain > quota.limit
            guard isOver || certain.plus(unsure(quota)) > quota.limit else { continue }
            guard isOver || isLast else {
                isUnclear = true
                continue
            }
            return .refused(
                Refusal(
                    quota: quota, used: used(quota).plus(isOver ? 0 : unsure(quota)),
                    reserved: reserved(quota), needed: write.byteCount))
        }
        if isUnclear { return .unclear }
        begin(write, quotas)
        return .admitted
    }

    private mutating func begin(_ write: Write, _ quotas: [Quota]) {
        let growth = Growth(directories: quotas.map(\.directory), byteCount: write.byteCount)
        open[write.operation] = growth
        for directory in growth.directories {
            reserved[directory] = (reserved[directory] ?? 0).plus(growth.byteCount)
        }
    }

    @discardableResult
    private mutating func takeBack(_ operation: OperationID) -> Growth? {
        guard let growth = open.removeValue(forKey: operation) else { return nil }
        for directory in growth.directories {
            let left = reserved[directory] ?? 0
            reserved[directory] = left - min(left, growth.byteCount)
        }
        return growth
    }

    /// The write is not under way any more.
    /// - Parameter isWritten: or may be.
    package mutating func end(_ operation: OperationID, isWritten: Bool, _ now: Duration) {
        guard let growth = takeBack(operation), isWritten else { return }
        let isNew = ended.last.map { now - $0.at > ClusterLimits.quotaSlot } ?? true
        if isNew { ended.append((now, [:])) }
        for directory in growth.directories {
            let before = ended[ended.count - 1].byteCounts[directory] ?? 0
            ended[ended.count - 1].byteCounts[directory] = before.plus(growth.byteCount)
        }
        guard ended.count > ClusterLimits.quotaSlotsMax else { return }
        // No sums come: the oldest two are told apart no more.
        let oldest = ended.removeFirst()
        ended[0].byteCounts.merge(oldest.byteCounts) { $0.plus($1) }
    }

    private func used(_ quota: Quota) -> UInt64 { uses[quota.directory]?.byteCount ?? 0 }

    private func reserved(_ quota: Quota) -> UInt64 { reserved[quota.directory] ?? 0 }

    private func unsure(_ quota: Quota) -> UInt64 {
        ended.reduce(0) { $0.plus($1.byteCounts[quota.directory] ?? 0) }
    }

    // MARK: Sums

    /// The disks' sums, asked for at `asOf`.
    package mutating func refreshed(_ uses: [StorePath: Use], asOf: Duration) {
        self.uses = uses
        self.asOf = asOf
        ended.removeAll {
            $0.at + ClusterLimits.quotaSlot + ClusterLimits.quotaCommitDelay <= asOf
        }
    }
}

extension QuotaBook.Refusal {
    /// What happened, for people.
    package var message: String {
        let others = reserved > 0 ? ", \(Quota.rounded(reserved)) are being written" : ""
        return "the quota of \(quota.directory) has no room: \(Quota.rounded(used)) of "
            + "\(Quota.rounded(quota.limit)) are used\(others), and this needs "
            + "\(Quota.rounded(needed)) more"
    }

    /// What to do about it.
    package var hint: String {
        "delete files below \(quota.directory), or let an operator raise the setting "
            + "\(Quota.settingKey); deleted files do not count"
    }
}

extension UInt64 {
    /// The sum, or the largest number.
    fileprivate func plus(_ other: UInt64) -> UInt64 {
        let (sum, isOver) = addingReportingOverflow(other)
        return isOver ? .max : sum
    }
}
