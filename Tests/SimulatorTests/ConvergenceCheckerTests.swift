import Cluster
import Model
import Replication
import Testing

@testable import Simulator

@Suite struct ConvergenceCheckerTests {
    private let version = Support.version(1)
    private var live: Register { Register(head: Support.stored(version, by: 0)) }

    @Test func holdersHaveTheSame() {
        var final = Support.final([live, live])
        var partition = FinalState.PartitionState(partition: Partition(of: Support.path))
        partition.holders = [(0, Fingerprint(of: [1])), (1, Fingerprint(of: [1]))]
        final.partitions = [partition]
        #expect(ReplicasConverge.check(final).isEmpty)
        final.partitions[0].holders[1].contents = Fingerprint(of: [2])
        #expect(ReplicasConverge.check(final).count == 1)
    }

    @Test func answersAreWhatTheDisksHave() {
        var final = Support.final([live, live])
        final.reads = [
            .init(
                host: 0, path: Support.path, isListing: false,
                outcome: .read(Support.content(0), version))
        ]
        #expect(ReplicasConverge.check(final).isEmpty)
        final.reads[0].outcome = .notFound
        #expect(ReplicasConverge.check(final).count == 1)
    }

    @Test func whatDoesNotSettleIsSaid() {
        var final = Support.final([live, live])
        final.settleFailure = ["n0000 is down"]
        #expect(ReplicasConverge.check(final).count == 1)
    }

    @Test func eachFileIsOnItsHoldersAndNowhereElse() {
        #expect(ReplicationFactorMet.check(Support.final([live, live])).isEmpty)
        #expect(ReplicationFactorMet.check(Support.final([live])).count == 1)
        #expect(ReplicationFactorMet.check(Support.final([live, live, live])).count == 1)
        var final = Support.final([live, live])
        var partition = FinalState.PartitionState(partition: Partition(of: Support.path))
        partition.strangers = [2]
        final.partitions = [partition]
        #expect(ReplicationFactorMet.check(final).count == 1)
    }

    @Test func aBadCopyIsNone() {
        var final = Support.final([live, live])
        final.files[0].copies[1].bad = [version.dot]
        #expect(ReplicationFactorMet.check(final).count == 1)
        final.files[0].copies[1].bad = [Support.version(2).dot]
        #expect(ReplicationFactorMet.check(final).isEmpty)
    }

    @Test func droppingLeavesEnoughCopies() {
        func drop(_ count: Int, factor: Int = 3, members: Int = 5, lost: Int = 0) -> Violation? {
            NeverBelowMinimum.dropped(
                by: 4, counts: [(Support.path, count)], factor: factor, memberCount: members,
                lostDiskCount: lost, at: 1)
        }
        #expect(drop(3) == nil)
        #expect(drop(2) != nil)
        #expect(drop(2, factor: 2) == nil)
        #expect(drop(2, members: 2) == nil)
        // A holder that confirmed may have been lost since; but one copy there always is.
        #expect(drop(2, lost: 1) == nil)
        #expect(drop(0, factor: 1, lost: 1) != nil)
    }

    private func listings(_ names: [String], _ final: inout FinalState) {
        final.marks = [StorePath.root, Support.path.parent ?? .root].map { .init(path: $0) }
        final.reads = [
            .init(
                host: 0, path: Support.path.parent ?? .root, isListing: true,
                outcome: .listed(
                    names.map { .init(name: Array($0.utf8), isDirectory: false) }))
        ]
    }

    @Test func listingsNameWhatIsThere() {
        var final = Support.final([live, live])
        let name = String(decoding: Support.path.name, as: UTF8.self)
        listings([name], &final)
        #expect(ListingsEqualRecords.check(final).isEmpty)
        listings([name, "ghost"], &final)
        #expect(ListingsEqualRecords.check(final).count == 1)
        listings([], &final)
        #expect(ListingsEqualRecords.check(final).count == 1)
    }

    /// A file of which a directory has the name: the directory answers to it, and the file is listed
    /// and found beside it.
    @Test func aFileBesideADirectoryIsListedAndFound() {
        var final = Support.final([live, live])
        var mark = FinalState.File(path: Support.path)
        let made = RegisterVersion(
            version: Support.version(7), value: .mark,
            operation: OperationID(bits: Bits128(high: 0, low: 7)))
        mark.copies = [.init(host: 0, register: Register(head: made), context: PartitionContext())]
        let name = String(decoding: Support.path.name, as: UTF8.self)
        let beside = String(
            decoding: ConflictName(of: Support.path.name, at: version.dot).bytes, as: UTF8.self)
        func look(_ listed: [String], _ byName: OperationRecord.Outcome) -> Int {
            listings(listed, &final)
            final.reads[0].outcome = .listed(
                listed.map { .init(name: Array($0.utf8), isDirectory: $0 == name) })
            final.marks.append(mark)
            final.reads.append(
                .init(
                    host: 0, path: Support.path, isListing: false, beside: version.dot,
                    outcome: byName))
            #expect(final.shadowed.map(\.path) == [Support.path])
            return ListingsEqualRecords.check(final).count
        }
        let found = OperationRecord.Outcome.read(Support.content(0), version)
        #expect(look([name, beside], found) == 0)
        #expect(look([name], found) == 1)
        #expect(look([name, beside], .notFound) == 1)
        #expect(look([name, beside], .read(Support.content(0), Support.version(2))) == 1)
        final.reads = [
            .init(host: 0, path: Support.path, isListing: false, outcome: .isDirectory)
        ]
        #expect(ReplicasConverge.check(final).isEmpty)
        final.reads[0].outcome = found
        #expect(ReplicasConverge.check(final).count == 1)
        final.marks = []
        #expect(ReplicasConverge.check(final).isEmpty)
        final.reads[0].outcome = .isDirectory
        #expect(ReplicasConverge.check(final).count == 1)
    }

    @Test func movesAreCountedAgainstWhatMustMove() {
        var checker = MovedBytesNearOptimal()
        let before = Array(repeating: [0, 1, 2], count: 20)
        let after = (0..<20).map { $0 < 10 ? [0, 1, 3] : [0, 1, 2] }
        for (copies, isFine) in [(10, true), (14, true), (60, false)] {
            checker.begin(holders: before, at: 100)
            for _ in 0..<copies { checker.copied(madeAt: 50) }
            // What clients wrote since is no move.
            for _ in 0..<100 { checker.copied(madeAt: 150) }
            let violation = checker.settled(holders: after, at: 200)
            #expect((violation == nil) == isFine)
        }
    }

    @Test func aMessageAboveTheLargestFrameIsSaid() {
        var checker = BoundedMemoryAndMessages()
        func expiring(_ count: Int) -> PeerMessage {
            .tell(
                .expire(
                    .file(Support.path), Array(repeating: Support.version(1).dot, count: count)))
        }
        #expect(checker.sent(expiring(40_000), by: 0, at: 1) == nil)
        #expect(checker.sent(expiring(50_000), by: 0, at: 1) != nil)
    }

    @Test func sizesAndIdleMessagesAreBounded() {
        var checker = BoundedMemoryAndMessages()
        #expect(checker.sampled(0, [("tasks", 10)], pendingCount: 0, at: 1) == nil)
        #expect(checker.sampled(0, [("tasks", 1 << 20)], pendingCount: 0, at: 1) != nil)
        #expect(checker.underWay(10, nodeCount: 5, at: 1) == nil)
        #expect(checker.underWay(1 << 20, nodeCount: 5, at: 1) != nil)
        var statistics = Statistics()
        statistics.idleMessageRate = 10
        #expect(BoundedMemoryAndMessages.idle(statistics, 1) == nil)
        statistics.idleMessageRate = 1000
        #expect(BoundedMemoryAndMessages.idle(statistics, 1) != nil)
    }

    @Test func settingsAreEverywhereInTime() {
        func look(_ value: String?, isHealthy: Bool = true) -> Violation? {
            var checker = SettingsReachAll()
            checker.set("7", at: 0)
            #expect(!checker.isDue(.seconds(5)))
            #expect(checker.isDue(.seconds(10)))
            return checker.look([(0, "7"), (1, value)], isHealthy: isHealthy, at: .seconds(10))
        }
        #expect(look("7") == nil)
        #expect(look("6") != nil)
        #expect(look(nil, isHealthy: false) == nil)
    }

    @Test func ofTwoSettingsAtOnceEitherMayWin() {
        for (found, isFine) in [(["6", "6"], true), (["7", "7"], true), (["6", "7"], false)] {
            var checker = SettingsReachAll()
            checker.set("6", at: 0)
            checker.set("7", at: 1)
            let values = found.enumerated().map { (host: $0.offset, value: Optional($0.element)) }
            let violation = checker.look(values, isHealthy: true, at: .seconds(11))
            #expect((violation == nil) == isFine)
        }
    }

    @Test func deathsAreKnownAndTheLivingAreNotCalledDead() {
        var checker = DeadIsKnown(Support.options())
        checker.died(2, at: 0)
        for host in 0..<2 {
            checker.heard(by: host, of: 2, state: "dead", at: .seconds(3), isUp: false)
        }
        #expect(checker.look(up: [0, 1], at: .seconds(4)) == nil)
        #expect(checker.detectionTimes == [])
        #expect(checker.look(up: [0, 1], at: .seconds(40)) == nil)
        #expect(checker.detectionTimes == [.seconds(4)])
        // One that comes while others start or die says nothing of how soon a death is known.
        checker.started(3, at: .seconds(45))
        checker.died(1, at: .seconds(50))
        checker.heard(by: 0, of: 1, state: "dead", at: .seconds(51), isUp: false)
        #expect(checker.look(up: [0], at: .seconds(100)) == nil)
        #expect(checker.detectionTimes == [.seconds(4)])
        var slow = DeadIsKnown(Support.options())
        slow.died(2, at: 0)
        #expect(slow.look(up: [0, 1], at: .seconds(60)) != nil)
        for host in 0..<2 { slow.started(host, at: .seconds(60)) }
        #expect(slow.look(up: [0, 1], at: .seconds(60)) == nil)
        var misled = DeadIsKnown(Support.options())
        misled.died(2, at: 0)
        for host in 0..<2 { misled.started(host, at: 0) }
        misled.heard(by: 1, of: 2, state: "alive", at: 5, isUp: false)
        #expect(misled.look(up: [0, 1], at: .seconds(60)) != nil)
        var wrong = DeadIsKnown(Support.options())
        wrong.heard(by: 0, of: 1, state: "dead", at: 5, isUp: true)
        #expect(wrong.look(up: [0, 1, 2], at: 6) != nil)
    }

    @Test func aPlannedRestartIsNotCalledDeadWhileItsStandInAnswers() {
        var options = Support.options()
        options.faults = .kills
        var checker = DeadIsKnown(options)
        checker.heard(by: 0, of: 1, state: "suspect", at: 5, isUp: false, isRestarting: true)
        // Its time is over.
        checker.died(1, at: 30)
        checker.heard(by: 0, of: 1, state: "dead", at: 35, isUp: false)
        #expect(checker.look(up: [0, 2], at: 36) == nil)
        checker.heard(by: 0, of: 1, state: "dead", at: 5, isUp: false, isRestarting: true)
        #expect(checker.look(up: [0, 2], at: 36) != nil)
        options.faults = .all
        var disturbed = DeadIsKnown(options)
        disturbed.heard(by: 0, of: 1, state: "dead", at: 5, isUp: false, isRestarting: true)
        #expect(disturbed.look(up: [0, 2], at: 6) == nil)
    }
}
