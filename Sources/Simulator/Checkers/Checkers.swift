/// The checkers that watch while a run goes on, and what all of them found.
struct Checkers {
    var acknowledgedWrites: AcknowledgedWritesAreDurable
    var noStaleReads: NoStaleReads
    var movedBytes = MovedBytesNearOptimal()
    var bounded = BoundedMemoryAndMessages()
    var settingsReachAll = SettingsReachAll()
    var deadIsKnown: DeadIsKnown
    var violations: [Violation] = []
    /// Paths whose histories were too long to decide on.
    var undecidedPaths = 0

    /// More of them say nothing new.
    static let violationCountMax = 200

    /// All names, in the order of a report.
    static let names = [
        AcknowledgedWritesAreDurable.name, NoStaleReads.name, ConditionalWritesAreExact.name,
        LocksAreExclusive.name, NothingResurrects.name, NothingNewIsThrownAway.name,
        MovesAreWhole.name, ReplicasConverge.name,
        ReplicationFactorMet.name, NeverBelowMinimum.name, ListingsEqualRecords.name,
        DirectoriesKeepTheirNames.name,
        ListingPages.name, RemovedDirectoriesWereEmpty.name,
        MovedBytesNearOptimal.name, BoundedMemoryAndMessages.name, SettingsReachAll.name,
        DeadIsKnown.name, LeaversHandOver.name, RolledBackDisksAreNew.name,
    ]

    init(_ options: SimulationOptions) {
        acknowledgedWrites = AcknowledgedWritesAreDurable(policy: options.policy)
        noStaleReads = NoStaleReads()
        deadIsKnown = DeadIsKnown(options)
    }
}
