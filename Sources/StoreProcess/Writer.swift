internal import GRDB
internal import IPC
internal import Model

/// The one thread that changes the database. All mutations that wait go into one transaction and
/// share its one fsync; answers come after it.
///
/// ```
///   submit ──▶ mailbox ──▶ backlog ──▶ group: look, touch, commit ──▶ committed
///                             ▲  rows that wait for the write-out are over their limit:
///                             └─ puts stay here, the others pass; the brain's keep their order
/// ```
final class Writer: Sendable {
    private let mailbox = Mailbox<Job>()
    private let thread: Worker

    /// - Parameter queue: a connection that nobody else uses from here on.
    init(
        _ queue: DatabaseQueue, _ directory: DataDirectory, _ space: SpaceRules = SpaceRules(),
        isReadOnly: Bool, syncs: SyncClock, outlets: WriterOutlets
    ) {
        let mailbox = mailbox
        thread = Worker.start("store-writer") {
            do {
                try queue.inDatabase { database in
                    let thread = try WriterThread(
                        database, mailbox, directory, space, isReadOnly: isReadOnly, syncs,
                        outlets)
                    try thread.run()
                }
            } catch {
                SyncErrors.end(directory, "writer", error)
            }
        }
    }

    /// Lets the writer apply `mutation`; its result comes under `ticket`.
    func submit(_ mutation: Mutation, ticket: UInt64 = 0) {
        mailbox.post(Job(ticket: ticket, mutation: mutation))
    }

    func submit(_ jobs: [Job]) { mailbox.post(jobs) }

    /// Takes nothing more, finishes what waits, and waits for the thread's end.
    func end() {
        mailbox.close()
        thread.join()
    }
}

/// What lives on the writer's thread.
private final class WriterThread {
    private let mailbox: Mailbox<Job>
    private let directory: DataDirectory
    private let space: SpaceRules
    private let isReadOnly: Bool
    private let syncs: SyncClock
    private let outlets: WriterOutlets
    private let ledger: Ledger
    private let storage: StorageExecutor
    private let begin: SQLStatement
    private let commitGroup: SQLStatement
    private let rollback: SQLStatement
    private let log: WriteAheadLog

    private var backlog: [Job] = []
    private var isClosed = false
    /// Recursive deletions under way; the first one advances with each group.
    private var deletions: [TreeDeletion] = []
    private var isSpaceLow = false
    private var lowSince: ContinuousClock.Instant?
    /// As it was seen last.
    private var freeByteCount: UInt64?
    /// The disk was too full for the housekeeper's rows; until the next look at the space.
    private var isHousekeepingHeld = false
    private var spaceChecked: ContinuousClock.Instant?
    /// The disk was too full for a request of the brain that must not be refused; until the next look
    /// at the space.
    private var isStorageHeld = false
    /// It, and those after it in its group.
    private var heldStorage: [Job] = []
    /// When the first mutation that is not published was committed.
    private var unpublishedSince: ContinuousClock.Instant?
    private var unpublishedByteCount = 0
    /// Down to so many bytes of the past are let go with the next group.
    private var trimLimit: UInt64?
    private var trimmed = ContinuousClock.Instant.now
    /// What is being let go now, down to so many bytes; decided once a second.
    private var trimGoal: UInt64?
    private var isPruningDue = true
    private var pruned = ContinuousClock.Instant.now
    private var isCheckpointing = false
    private var ballast: Ballast
    /// The last number of answers that came ahead, and that of those which were heard.
    private var aheadNumber: UInt64 = 0
    /// How long the last commit took.
    private var lastCommit = Duration.zero
    private var followedNumber: UInt64 = 0

    init(
        _ database: Database, _ mailbox: Mailbox<Job>, _ directory: DataDirectory,
        _ space: SpaceRules, isReadOnly: Bool, _ syncs: SyncClock, _ outlets: WriterOutlets
    ) throws {
        self.mailbox = mailbox
        self.directory = directory
        self.space = space
        self.isReadOnly = isReadOnly
        self.syncs = syncs
        self.outlets = outlets
        begin = try SQLStatement(database, "BEGIN IMMEDIATE")
        commitGroup = try SQLStatement(database, "COMMIT")
        rollback = try SQLStatement(database, "ROLLBACK")
        log = WriteAheadLog(database)
        ballast = try Ballast(directory)
        ledger = try Ledger(database)
        storage = try StorageExecutor(database, ledger)
    }

    func run() throws {
        outlets.committed(Committed(sequence: ledger.counters.sequence))
        // What earlier lives left in the outboxes.
        publish()
        while true {
            takeMail()
            let group = nextGroup()
            checkSpace()
            trimLimit = dueTrim()
            if !group.isEmpty || !deletions.isEmpty || isPruningDue || trimLimit != nil
                || isCounting
            {
                try commit(group)
            }
            backlog = heldStorage + backlog
            heldStorage = []
            refuseWhatCannotWait()
            if isPublishingDue { publish() }
            if isClosed && !hasRunnable && deletions.isEmpty { break }
        }
    }

    // MARK: What to do next

    private func takeMail() {
        var timeout: Duration? = StoreLimits.pruneInterval
        if !deletions.isEmpty || isPruningDue || trimGoal != nil || hasRunnable || isCounting {
            timeout = .zero
        } else if !backlog.isEmpty {
            // Puts wait for the write-out or for space, of which mail or the clock tells.
            timeout = StoreLimits.spaceCheckInterval
        } else if let unpublishedSince {
            timeout = max(.zero, StoreLimits.writeOutDelay - (.now - unpublishedSince))
        }
        switch mailbox.takeAll(timeout: timeout) {
        case .elements(let jobs): take(jobs)
        case .nothing: break
        case .closed: isClosed = true
        }
        if .now - pruned > StoreLimits.pruneInterval { isPruningDue = true }
    }

    private func take(_ jobs: [Job]) {
        for job in jobs {
            if case .followed(let number) = job.mutation {
                followedNumber = number
            } else {
                backlog.append(job)
            }
        }
    }

    /// How much of the past may stay, where less of it has to go. Trash goes before a write is refused for
    /// want of room.
    private func dueTrim() -> UInt64? {
        let spare = UInt64(clamping: ledger.counters.kept.spareByteCount)
        guard !isReadOnly, spare > 0 else {
            trimGoal = nil
            return nil
        }
        // What was decided is done first: it takes as many groups as it takes.
        if let trimGoal, trimGoal < spare { return trimGoal }
        trimGoal = nil
        let wanted = space.takeWanted()
        guard wanted > 0 || .now - trimmed > StoreLimits.trimInterval else { return nil }
        let rules = space.current
        var goal = min(spare, rules.trash)
        let needed =
            rules.reserve + min(rules.reserve, StoreLimits.roomByteCount)
            + min(wanted, UInt64.max >> 2)
        if let freeByteCount, freeByteCount < needed {
            goal = min(goal, spare - min(spare, needed - freeByteCount))
        }
        guard goal < spare else { return nil }
        trimmed = .now
        trimGoal = goal
        return goal
    }

    /// Whether files of a new quota are counted with the next group.
    private var isCounting: Bool {
        storage.isCounting && !isHousekeepingHeld && !isSpaceLow && !isReadOnly && !isClosed
    }

    /// Whether what is kept of the past is making way just now: writes wait for it, for a while.
    private var isMakingRoom: Bool {
        guard isSpaceLow, ledger.counters.kept.spareByteCount > 0, let lowSince else {
            return false
        }
        return .now - lowSince < StoreLimits.roomWait
    }

    private var hasRunnable: Bool {
        var isOrderHeld = false
        for job in backlog {
            if isOrderHeld && job.mutation.keepsOrder { continue }
            if isRunnable(job) { return true }
            if job.mutation.keepsOrder { isOrderHeld = true }
        }
        return false
    }

    private func isRunnable(_ job: Job) -> Bool {
        switch job.mutation {
        case .put: isReadOnly || isSpaceLow || ledger.hasRoomForContent
        case .housekept, .setQuotas: !isHousekeepingHeld
        case .storage(let job):
            !isStorageHeld && !isReadOnly
                && (job.contents.isEmpty || !isMakingRoom)
                && (job.contentByteCount == 0 || isSpaceLow || ledger.hasRoomForContent)
        case .renewDisk: !isStorageHeld && !isReadOnly
        default: true
        }
    }

    /// The mutations of the next group, in order. Puts over the limit of unwritten rows stay, and
    /// requests of the brain with them that come after one that stays.
    private func nextGroup() -> [Job] {
        if backlog.isEmpty { return [] }
        checkSpace()
        refuseWhatCannotWait()
        var group: [Job] = []
        takeRunnable(into: &group)
        return group
    }

    /// Fills a group up from what waits.
    private func takeRunnable(into group: inout [Job]) {
        var isOrderHeld = false
        var rest: [Job] = []
        var byteCount = group.reduce(0) { $0 + $1.mutation.contentByteCount }
        for job in backlog {
            let keepsOrder = job.mutation.keepsOrder
            if group.count < StoreLimits.groupCountMax,
                byteCount < StoreLimits.groupByteCountMax, !(keepsOrder && isOrderHeld),
                isRunnable(job)
            {
                group.append(job)
                byteCount += job.mutation.contentByteCount
            } else {
                if keepsOrder { isOrderHeld = true }
                rest.append(job)
            }
        }
        backlog = rest
    }

    /// While the brain's requests are held back, those that may be refused are: it changes nothing
    /// that they come before others then.
    private func refuseWhatCannotWait() {
        guard isStorageHeld || isReadOnly else { return }
        var refused = Committed(sequence: ledger.counters.sequence)
        backlog.removeAll { job in
            guard case .storage(let request) = job.mutation,
                let answer = request.answerWithoutSpace
            else { return false }
            refused.storage.append((job.ticket, answer))
            refused.unusedStaging += request.stagingFiles
            return true
        }
        if !refused.storage.isEmpty { outlets.committed(refused) }
    }

    private func checkSpace() {
        let now = ContinuousClock.now
        if let spaceChecked, now - spaceChecked < StoreLimits.spaceCheckInterval { return }
        spaceChecked = now
        isHousekeepingHeld = false
        isStorageHeld = false
        do {
            let free = try directory.freeByteCount()
            // While the ballast is gone, what is free is for deletions.
            isSpaceLow = free < space.current.reserve || !ballast.hold(free: free)
            lowSince = isSpaceLow ? lowSince ?? now : nil
            freeByteCount = free
        } catch {
            Log.error("the free space cannot be asked for", ["error": "\(error)"])
        }
    }

    // MARK: A group

    private func commit(_ group: [Job], mayAnswerAhead: Bool = true) throws {
        let before = ledger.counters
        let deletionsBefore = deletions
        let aheadBefore = aheadNumber
        var group = group
        let committed: Committed
        do {
            committed = try transaction(&group, before, mayAnswerAhead: mayAnswerAhead)
        } catch {
            // Only a failed disk leaves the database unknown; everything else is undone.
            if let failure = error as? SQLFailure, failure.isDiskFailure { throw error }
            if aheadNumber != aheadBefore {
                // The brain counts on it; with the process goes what it knows.
                Log.error(
                    "a group whose answers went ahead was rolled back: the store starts anew",
                    ["error": "\(error)"])
                ProcessEnd.now(ProcessEnd.crashed)
            }
            if !rollback.isIdle { try rollback.run() }
            ledger.rolledBack(to: before)
            storage.rolledBack()
            deletions = deletionsBefore
            trimGoal = nil
            return try failed(group, error)
        }
        outlets.committed(committed)
        for job in group { unpublishedByteCount += job.mutation.contentByteCount }
        afterCommit()
        for job in group { try afterCommit(job.mutation) }
    }

    private func transaction(
        _ group: inout [Job], _ before: Ledger.Counters, mayAnswerAhead: Bool
    ) throws -> Committed {
        var committed = Committed(sequence: 0)
        try begin.run()
        try apply(group, &committed)
        if mayAnswerAhead { try followUp(&group, &committed) }
        try advanceDeletion(&committed)
        if isPruningDue {
            isPruningDue = try !isReadOnly && ledger.pruneOperations(WallClock.now)
            pruned = .now
        }
        if let trimLimit, try !storage.trim(to: trimLimit) { trimGoal = nil }
        if isCounting { try storage.countStep() }
        try storage.finishGroup()
        if ledger.counters.sequence != before.sequence { try ledger.finishGroup() }
        let began = ContinuousClock.now
        try syncs.during { try commitGroup.run() }
        lastCommit = .now - began
        committed.sequence = ledger.counters.sequence
        committed.changes = ledger.takeChanges()
        committed.unusedStaging = storage.takeUnusedStaging()
        committed.lacking = storage.takeLacking()
        committed.quotas = storage.takeQuotaNews()
        committed.ahead = aheadNumber
        return committed
    }

    private func apply(_ group: some Collection<Job>, _ committed: inout Committed) throws {
        for job in group {
            switch try verdict(job.mutation) {
            case .done(let response): committed.results.append((job.ticket, .success(response)))
            case .refused(let error): committed.results.append((job.ticket, .failure(error)))
            case .began(var deletion):
                deletion.ticket = job.ticket
                deletions.append(deletion)
            case .stored(let answer): committed.storage.append((job.ticket, answer))
            case .marked: committed.marked.append(job.ticket)
            case .silent: break
            }
        }
    }

    /// Lets the brain go on with what was done for it, within the same transaction: the steps of a write share
    /// its sync (see `DurabilityGate`).
    private func followUp(_ group: inout [Job], _ committed: inout Committed) throws {
        guard let answeredAhead = outlets.answeredAhead, !isReadOnly, !isSpaceLow,
            lastCommit < StoreLimits.aheadCommitMax, let freeByteCount,
            freeByteCount >= space.current.reserve + StoreLimits.aheadByteCount
        else { return }
        var (applied, told) = (0, 0)
        for _ in 0..<StoreLimits.aheadRoundsMax {
            guard group[applied...].contains(where: \.isStep),
                group.count < StoreLimits.groupCountMax
            else { return }
            aheadNumber += 1
            answeredAhead(
                AnsweredAhead(number: aheadNumber, storage: Array(committed.storage[told...])))
            (applied, told) = (group.count, committed.storage.count)
            awaitFollowed()
            takeRunnable(into: &group)
            try apply(group[applied...], &committed)
        }
    }

    /// Until what follows from the last answers is in the backlog.
    private func awaitFollowed() {
        let deadline = ContinuousClock.now + StoreLimits.aheadWait
        while followedNumber != aheadNumber {
            switch mailbox.takeAll(timeout: max(.zero, deadline - .now)) {
            case .elements(let jobs): take(jobs)
            // What follows joins another transaction.
            case .nothing: return
            case .closed:
                isClosed = true
                return
            }
        }
    }

    private func verdict(_ mutation: Mutation) throws -> Verdict {
        switch mutation {
        case .storage(let job): return .stored(try storage.execute(job, isFull: isSpaceLow))
        case .renewDisk(let disk): return .stored(try storage.renew(disk))
        case .markBad(let objects):
            if !isReadOnly { try storage.markBad(objects) }
            return .marked
        case .setQuotas(let directories):
            if !isReadOnly { try storage.setQuotas(directories) }
            return .silent
        default: return try verdictOfLedger(mutation)
        }
    }

    private func verdictOfLedger(_ mutation: Mutation) throws -> Verdict {
        if isReadOnly || isSpaceLow && mutation.needsSpace,
            let known = try ledger.known(mutation)
        {
            return .done(known)
        }
        if isReadOnly {
            switch mutation {
            case .findUpload, .finishCheckpoint, .finishHousekeeping: break
            case .housekept, .showAgain, .scrubbed, .stamped: return .silent
            default:
                return .refused(
                    RemoteError(
                        .readOnly, "the store is read-only after errors of its disk",
                        hint: "look at the disk, then restart the node"))
            }
        }
        if isSpaceLow && mutation.needsSpace { return .refused(RemoteError.noSpace) }
        return try ledger.apply(mutation, now: WallClock.now)
    }

    private func advanceDeletion(_ committed: inout Committed) throws {
        guard var deletion = deletions.first else { return }
        let verdict = try ledger.advance(&deletion, WallClock.now)
        switch verdict {
        case nil: deletions[0] = deletion
        case .done(let response):
            deletions.removeFirst()
            committed.results.append((deletion.ticket, .success(response)))
        case .refused, .began, .stored, .marked, .silent:
            preconditionFailure("a step of a deletion is done or goes on")
        }
    }

    /// The group is undone: full disks refuse what needs space; anything else is one member's
    /// fault, found by running each alone.
    private func failed(_ group: [Job], _ error: any Error) throws {
        Log.error("a group was rolled back", ["error": "\(error)", "count": "\(group.count)"])
        let isFull = (error as? SQLFailure)?.isFull ?? false
        var committed = Committed(sequence: ledger.counters.sequence)
        var hasMoreSpace = false
        if isFull {
            hasMoreSpace = try ballast.release()
            isSpaceLow = true
            spaceChecked = .now
            (isPruningDue, pruned) = (false, .now)
            // The log's space is used again by what goes on.
            try log.checkpoint(syncs)
        }
        if group.count > 1 || hasMoreSpace {
            for job in group {
                if isStorageHeld && job.mutation.keepsOrder {
                    heldStorage.append(job)
                } else {
                    // What follows would come before the rest of the group.
                    try commit([job], mayAnswerAhead: false)
                }
            }
        } else if let job = group.first {
            switch job.mutation {
            case .storage(let request):
                try failed(request, job, isFull: isFull, error, &committed)
            case .renewDisk:
                guard isFull else { throw error }
                hold(job)
            // Whoever reads it next finds it again.
            case .markBad: committed.marked.append(job.ticket)
            // The next pass of the scrub does it, or the next check.
            case .showAgain, .scrubbed, .stamped: break
            case .housekept, .setQuotas:
                isHousekeepingHeld = true
                backlog.append(job)
            // They change nothing in the database, and nobody waits for an answer.
            case .finishCheckpoint, .finishHousekeeping: try afterCommit(job.mutation)
            default: committed.results.append((job.ticket, .failure(isFull ? .noSpace : .broken)))
            }
        } else if let deletion = deletions.first {
            deletions.removeFirst()
            committed.results.append((deletion.ticket, .failure(isFull ? .noSpace : .broken)))
        } else {
            isPruningDue = false
            // Nor is anything counted until the next look at the space.
            isHousekeepingHeld = true
        }
        outlets.committed(committed)
    }

    private func failed(
        _ request: StorageJob, _ job: Job, isFull: Bool, _ error: any Error,
        _ committed: inout Committed
    ) throws {
        let answer = isFull ? request.answerWithoutSpace : request.answerWithoutEffect
        if let answer {
            committed.storage.append((job.ticket, answer))
            committed.unusedStaging += request.stagingFiles
        } else if isFull {
            hold(job)
        } else {
            throw error
        }
    }

    private func hold(_ job: Job) {
        isStorageHeld = true
        heldStorage.append(job)
    }

    private func afterCommit() {
        if ledger.counters.sequence > ledger.published, unpublishedSince == nil {
            unpublishedSince = .now
        }
        if log.pageCount >= StoreLimits.checkpointPageCount, !isCheckpointing {
            isCheckpointing = true
            outlets.checkpointDue()
        }
    }

    private func afterCommit(_ mutation: Mutation) throws {
        switch mutation {
        case .finishCheckpoint:
            try log.checkpoint(syncs)
            isCheckpointing = false
        case .finishHousekeeping:
            publish()
            outlets.housekeepingFinished()
        case .markBad: outlets.markedBad(ledger.counters.sequence)
        default:
            // Beside writes that never pause, the other checkpoint never reaches the log's end.
            if log.pageCount >= StoreLimits.checkpointPageCountMax { try log.checkpoint(syncs) }
        }
    }

    // MARK: The outboxes

    private var isPublishingDue: Bool {
        guard let unpublishedSince else { return false }
        return unpublishedByteCount >= StoreLimits.writeOutByteCount
            || ledger.counters.sequence - ledger.published >= StoreLimits.writeOutCount
            || !ledger.hasRoomForContent || .now - unpublishedSince >= StoreLimits.writeOutDelay
    }

    private func publish() {
        ledger.published = ledger.counters.sequence
        storage.published()
        unpublishedSince = nil
        unpublishedByteCount = 0
        outlets.published(ledger.published)
    }
}
