import Model
import Replication

/// What is on all disks that stayed, and what all nodes say, when everything is over: what the
/// checkers of the end look at. A value, so that tests can make one by hand.
struct FinalState {
    struct Copy {
        var host: Int
        var register: Register
        /// The partition's on that disk.
        var context: PartitionContext
        /// Versions whose content there is not what was stored.
        var bad: [Dot] = []
    }

    struct File {
        let path: StorePath
        /// Hosts that are to hold it, sorted.
        var holders: [Int] = []
        /// Disks that know anything of its partition, by host.
        var copies: [Copy] = []

        /// The newest version that anybody has.
        var head: RegisterVersion? {
            copies.compactMap(\.register.head).max { $0.rank < $1.rank }
        }

        var isLive: Bool { head.map { !$0.value.isDeleted } ?? false }

        /// Every version on any disk, visible or not.
        var versions: [RegisterVersion] {
            copies.flatMap { copy in
                let register = copy.register
                var all = register.kept.map(\.version) + register.prepared
                if let head = register.head { all.append(head) }
                if let accepted = register.ballot?.accepted { all.append(accepted.version) }
                return all
            }
        }
    }

    struct PartitionState {
        let partition: Partition
        /// What its holders have.
        var holders: [(host: Int, contents: Fingerprint)] = []
        /// Others that have something of it.
        var strangers: [Int] = []
    }

    struct Read {
        let host: Int
        let path: StorePath
        let isListing: Bool
        /// See `World.FinalRead`.
        var beside: Dot?
        var outcome: OperationRecord.Outcome
    }

    let time: Nanoseconds
    /// The one that all nodes go by; nil where they differ.
    var layout: Layout?
    var settleFailure: [String] = []
    var files: [File] = []
    /// The marks of directories.
    var marks: [File] = []
    var partitions: [PartitionState] = []
    var reads: [Read] = []
    /// When some node's clock was further off than locks allow for.
    var clockFaults: [ClosedRange<Nanoseconds>] = []

    init(time: Nanoseconds) { self.time = time }

    /// Of the directories that there may be (those of `marks`): marked, or with something in them.
    var directories: Set<StorePath> {
        let live = files.filter(\.isLive).map(\.path)
        let marked = marks.filter { $0.head?.value.isMark == true }.map(\.path)
        return Set(
            marks.map(\.path).filter { path in
                path.isRoot || marked.contains(path)
                    || (live + marked).contains { $0.isBelow(path) }
            })
    }

    /// Live files of which a directory has the name.
    var shadowed: [File] {
        let directories = directories
        return files.filter { $0.isLive && directories.contains($0.path) }
    }
}

/// The checks of the end, in order.
enum FinalChecks {
    static func all(
        _ options: SimulationOptions, _ history: History, _ final: FinalState,
        _ statistics: Statistics
    ) -> [Violation] {
        var violations: [Violation] = []
        violations += AcknowledgedWritesAreDurable.check(history, final)
        violations += NothingNewIsThrownAway.check(history, final)
        violations += NothingResurrects.check(history, final)
        violations += MovesAreWhole.check(history, options.policy, final)
        violations += ReplicasConverge.check(final)
        violations += ReplicationFactorMet.check(final)
        violations += ListingsEqualRecords.check(final)
        violations += DirectoriesKeepTheirNames.check(history, options.policy, final.time)
        violations += ListingPages.check(history, options.policy, final.time)
        violations += RemovedDirectoriesWereEmpty.check(history, options.policy, final.time)
        violations += ConditionalWritesAreExact.check(history, options.policy, final.time)
        violations += LocksAreExclusive.check(
            history, options.policy, final.time, clockFaults: final.clockFaults)
        if let violation = BoundedMemoryAndMessages.idle(statistics, final.time) {
            violations.append(violation)
        }
        return violations
    }
}
