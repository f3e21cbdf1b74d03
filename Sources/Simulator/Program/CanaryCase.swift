import Cluster
import Replication

/// A rule that is broken on purpose, with the checker that has to notice and runs in which it does.
struct CanaryCase: Sendable {
    /// One canary, or several with commas between them.
    let name: String
    let checker: String
    /// Small enough for a run in debug.
    let isQuick: Bool
    private let faults: FaultKinds
    private let policy: WritePolicy
    private let seconds: Int64
    private let retention: Nanoseconds?

    /// As many seeds are tried, one after the other, until the checker notices.
    static let seedCountMax = 24

    private init(
        _ name: String, _ checker: String, _ faults: FaultKinds, _ policy: WritePolicy,
        seconds: Int64, retention: Nanoseconds? = nil, isQuick: Bool = false
    ) {
        self.retention = retention
        self.name = name
        self.checker = checker
        self.faults = faults
        self.policy = policy
        self.seconds = seconds
        self.isQuick = isQuick
    }

    static let all: [CanaryCase] = [
        CanaryCase(
            "acknowledgesEarly", AcknowledgedWritesAreDurable.name, [], .available, seconds: 20,
            isQuick: true),
        CanaryCase("leaksAhead", AcknowledgedWritesAreDurable.name, [], .available, seconds: 60),
        CanaryCase("skipsReadCheck", NoStaleReads.name, .partitions, .majority, seconds: 180),
        CanaryCase("restartsUnsaid", DeadIsKnown.name, .kills, .available, seconds: 120),
        CanaryCase(
            "leavesAtOnce", LeaversHandOver.name, .membership, .available, seconds: 240),
        CanaryCase(
            "trustsOldDisks", RolledBackDisksAreNew.name, .rollback, .available, seconds: 240),
        CanaryCase(
            "skipsBallots", ConditionalWritesAreExact.name, [], .majority, seconds: 60,
            isQuick: true),
        CanaryCase(
            "callsAllExact", ConditionalWritesAreExact.name, .partitions, .available,
            seconds: 180),
        CanaryCase(
            "hidesShadowedFiles", ListingsEqualRecords.name, .partitions, .available,
            seconds: 180),
        CanaryCase(
            "skipsPathChecks", DirectoriesKeepTheirNames.name, [], .majority, seconds: 120),
        // With versions kept for long, those that are kept tell what was superseded, too.
        CanaryCase(
            "ignoresContexts", NothingResurrects.name, [.kills, .partitions], .available,
            seconds: 420, retention: .seconds(20)),
        CanaryCase(
            "distrustsReturning", NothingNewIsThrownAway.name, [.kills, .partitions], .available,
            seconds: 180),
        CanaryCase("neverReconciles", ReplicasConverge.name, .kills, .available, seconds: 120),
        CanaryCase(
            "neverMoves", ReplicationFactorMet.name, .membership, .available, seconds: 120),
        CanaryCase(
            "dropsUnconfirmed", NeverBelowMinimum.name, .kills, .available, seconds: 240),
        CanaryCase(
            "forgetsEntries", ListingsEqualRecords.name, [], .available, seconds: 20,
            isQuick: true),
        CanaryCase(
            "forgetsMoves", MovesAreWhole.name, [.kills, .partitions, .loss], .majority,
            seconds: 300),
        CanaryCase(
            "movesEverything", MovedBytesNearOptimal.name, .membership, .available, seconds: 300),
        CanaryCase("dropsLosers", NothingNewIsThrownAway.name, [], .available, seconds: 120),
        CanaryCase("forgetsLocks", LocksAreExclusive.name, [], .majority, seconds: 60),
        CanaryCase("ignoresLocks", LocksAreExclusive.name, [], .majority, seconds: 60),
        CanaryCase(
            "repeatsForever", BoundedMemoryAndMessages.name, [], .available, seconds: 5,
            isQuick: true),
        CanaryCase(
            "keepsOldSettings", SettingsReachAll.name, .membership, .available, seconds: 300),
        CanaryCase("neverDeclaresDead", DeadIsKnown.name, .kills, .available, seconds: 120),
        CanaryCase(
            "skipsNames", ListingPages.name, [], .available, seconds: 60, isQuick: true),
        CanaryCase(
            "removesFullDirectories", RemovedDirectoriesWereEmpty.name, [], .available,
            seconds: 60, isQuick: true),
        CanaryCase("missesDamage", ReplicationFactorMet.name, .disks, .available, seconds: 120),
        CanaryCase("suspectsNobody", DeadIsKnown.name, .drizzle, .available, seconds: 180),
    ]

    /// Runs until the checker notices.
    /// - Returns: the run in which it did; nil where it never did.
    func run() -> SimulationResult? {
        var options = SimulationOptions()
        for word in name.split(separator: ",") {
            options.canaries.formUnion(Canaries(name: String(word)) ?? [])
        }
        options.answersAhead = options.canaries.contains(.leaksAhead)
        options.faults = faults
        options.policy = policy
        options.length = .seconds(seconds)
        options.settleTime = .seconds(60)
        options.stopsAtViolation = false
        if let retention { options.retention = retention }
        for seed in 1...CanaryCase.seedCountMax {
            options.seed = UInt64(seed)
            let result = Simulation.run(options)
            if result.violations.contains(where: { $0.checker == checker }) { return result }
        }
        return nil
    }
}
