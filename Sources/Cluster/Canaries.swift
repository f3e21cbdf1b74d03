/// Rules that tests break on purpose: each proves that the simulator's checker of the promise that
/// rests on it can fail. A production node has none.
package struct Canaries: OptionSet, Sendable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    /// Writes are acknowledged when they were sent, not when they are durable.
    package static let acknowledgesEarly = Canaries(rawValue: 1 << 0)
    /// Reads are answered from the node's own disk alone.
    package static let skipsReadCheck = Canaries(rawValue: 1 << 1)
    /// A planned restart of the store is told to nobody.
    package static let restartsUnsaid = Canaries(rawValue: 1 << 28)
    /// A node leaves without handing anything over.
    package static let leavesAtOnce = Canaries(rawValue: 1 << 29)
    /// A disk that was rolled back goes on as if nothing had happened.
    package static let trustsOldDisks = Canaries(rawValue: 1 << 30)
    /// A conditional write is decided by what its coordinator knows.
    package static let skipsBallots = Canaries(rawValue: 1 << 2)
    /// What a disk lacks is always taken in, though its context says that it went.
    package static let ignoresContexts = Canaries(rawValue: 1 << 3)
    /// What a returning node has and the others lack is always taken for deleted.
    package static let distrustsReturning = Canaries(rawValue: 1 << 4)
    /// Reconciliation never runs.
    package static let neverReconciles = Canaries(rawValue: 1 << 5)
    /// Partitions are never moved to new holders, nor handed back to them.
    package static let neverMoves = Canaries(rawValue: 1 << 6)
    /// A copy is dropped without asking the holders.
    package static let dropsUnconfirmed = Canaries(rawValue: 1 << 7)
    /// Entries do not follow their files.
    package static let forgetsEntries = Canaries(rawValue: 1 << 8)
    /// A move that was interrupted is finished by nobody but its client.
    package static let forgetsMoves = Canaries(rawValue: 1 << 18)
    /// All partitions are moved at every change of the layout.
    package static let movesEverything = Canaries(rawValue: 1 << 9)
    /// A losing version of a conflict is thrown away.
    package static let dropsLosers = Canaries(rawValue: 1 << 10)
    /// Requests are repeated without end.
    package static let repeatsForever = Canaries(rawValue: 1 << 11)
    /// A setting that is known here is never replaced by what others say of it.
    package static let keepsOldSettings = Canaries(rawValue: 1 << 12)
    /// A suspicion is never over.
    package static let neverDeclaresDead = Canaries(rawValue: 1 << 13)
    /// Who misses one probe is dead: nobody has the time to refute.
    package static let suspectsNobody = Canaries(rawValue: 1 << 14)
    /// Whatever ballots decide is called exact, by however few.
    package static let callsAllExact = Canaries(rawValue: 1 << 20)
    /// A lock is granted without a look at those that are there.
    package static let forgetsLocks = Canaries(rawValue: 1 << 24)
    /// Guarded writes look at no locks.
    package static let ignoresLocks = Canaries(rawValue: 1 << 25)
    /// A file whose name a directory has is not listed.
    package static let hidesShadowedFiles = Canaries(rawValue: 1 << 21)
    /// Nobody looks whether a directory is where a file comes, or a file above it.
    package static let skipsPathChecks = Canaries(rawValue: 1 << 22)
    /// What a node says because of an answer that is not durable leaves it at once.
    package static let leaksAhead = Canaries(rawValue: 1 << 19)
    /// A copy that failed its check counts as a good one.
    package static let missesDamage = Canaries(rawValue: 1 << 15)
    /// A page of a listing goes on behind a name that it did not show.
    package static let skipsNames = Canaries(rawValue: 1 << 16)
    /// A directory is removed whatever is in it.
    package static let removesFullDirectories = Canaries(rawValue: 1 << 17)
}
