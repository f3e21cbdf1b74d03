import Model
import Testing

@testable import Replication

/// The coordinator of unconditional writes.
@Suite struct WriteOperationTests {
    private let key = RegisterKey.file(path("/d/a"))
    private var world = HolderWorld()

    private func version(_ outcome: WriteOperation.Outcome) -> (RegisterVersion, copies: Int)? {
        guard case .written(let version, let copies, _, _) = outcome else { return nil }
        return (version, copies)
    }

    @Test mutating func itAcknowledgesOnlyCopiesThatAreDurable() throws {
        for policy in [WritePolicy.available, .majority] {
            var world = HolderWorld()
            var write = world.write(key, 1, policy: policy)
            while case .waiting = write.outcome {
                let durable = world.disks.count { $0.register(key)?.newest != nil }
                #expect(durable < 2 || !world.asked.isEmpty)
                world.step(&write)
            }
            let (made, copies) = try #require(version(write.outcome))
            #expect(copies >= 2)
            #expect(world.holding(made, key).count >= copies)
        }
    }

    @Test mutating func aMajorityIsOfHoldersAndNotOfStandIns() {
        world.silent = [1, 2]
        var write = world.write(key, 1, policy: .majority)
        world.run(&write)
        #expect(write.outcome == .failed(.noQuorum))
        #expect(!world.log.contains { $0.hasSuffix("n3") || $0.hasSuffix("n4") })
    }

    @Test mutating func standInsCountWhereHoldersAreAway() throws {
        world.dead = [1, 2]
        var write = world.write(key, 1, policy: .available)
        world.run(&write)
        let (made, copies) = try #require(version(write.outcome))
        #expect(copies >= 2)
        #expect(world.holding(made, key) == [0, 3, 4])
    }

    @Test mutating func oneCopyIsEnoughWhereNobodyElseAnswers() throws {
        world.silent = [1, 2, 3, 4]
        var write = world.write(key, 1, policy: .available)
        world.run(&write)
        #expect(try #require(version(write.outcome)).copies == 1)
    }

    @Test mutating func aRefusedVersionIsMadeAgainAboveWhatRefusedIt() throws {
        let known = RegisterVersion(
            version: Version(
                dot: dot(7, 3), time: HybridTime(value: 5_000),
                context: CausalContext(entries: [dot(7, 3)])),
            value: file(9), operation: operation(9))
        for index in [1, 2] {
            _ = world.disks[index].execute(.commit(key, known, listed: true), at: .zero)
        }
        var write = world.write(key, 1, policy: .majority)
        world.run(&write)
        let (made, _) = try #require(version(write.outcome))
        #expect(made.covers(known))
        #expect(known.rank < made.rank)
        for index in 0..<3 { #expect(world.disks[index].register(key)?.head == made) }
    }

    @Test mutating func anOperationThatWasAppliedIsNotAppliedAgain() throws {
        var first = world.write(key, 1, policy: .majority)
        world.run(&first)
        let (made, _) = try #require(version(first.outcome))
        world.asked = []
        var again = world.write(key, 1, policy: .majority)
        world.run(&again)
        #expect(try #require(version(again.outcome)).0 == made)
        #expect(world.disks[0].register(key)?.prepared == [])
    }

    @Test mutating func anEntryThatDoesNotComeInTimeIsSaid() throws {
        var write = world.write(key, 1, policy: .majority)
        // The file's copies, and nothing after that.
        while !world.log.contains(where: { $0.hasPrefix("entry") }) { world.step(&write) }
        world.asked = []
        world.now += ReplicationLimits.listingTimeout
        var directives: [CoordinatorDirective] = []
        write.timePassed(world.time, into: &directives)
        world.take(directives)
        guard case .written(let made, _, _, listingPending: true) = write.outcome else {
            Issue.record("\(write.outcome)")
            return
        }
        // It follows by the outbox.
        #expect(world.disks[0].register(key)?.head == made)
        #expect(world.disks[0].outbox(after: nil, limit: 9) == [.file(key.path)])
    }

    /// The directory comes with its first file, and its parent hears of that before the answer.
    @Test mutating func entriesAreWrittenUpToADirectoryThatWasThere() throws {
        var write = world.write(key, 1, policy: .majority)
        world.run(&write)
        guard case .written(_, _, _, listingPending: false) = write.outcome else {
            Issue.record("\(write.outcome)")
            return
        }
        let entries = world.log.filter { $0.hasPrefix("entry") }.map { $0.prefix(7) }
        #expect(entries == ["entry a", "entry a", "entry a", "entry d", "entry d", "entry d"])
        world.log = []
        var second = world.write(.file(path("/d/b")), 2, policy: .majority)
        world.run(&second)
        #expect(world.log.filter { $0.hasPrefix("entry") }.allSatisfy { $0.hasPrefix("entry b") })
    }

    @Test mutating func aFullDiskIsSaidOrReplaced() throws {
        world.disks[0].isFull = true
        var own = world.write(key, 1, policy: .available)
        world.run(&own)
        #expect(own.outcome == .failed(.full))
        world = HolderWorld()
        world.disks[1].isFull = true
        var other = world.write(key, 1, policy: .available)
        world.run(&other)
        let (made, _) = try #require(version(other.outcome))
        #expect(!world.holding(made, key).isEmpty)
        #expect(world.log.contains("prepare n3"))
    }
}
