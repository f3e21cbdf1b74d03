import Model
import Testing

@testable import Replication

/// The coordinator of checked reads.
@Suite struct ReadOperationTests {
    private let key = RegisterKey.file(path("/d/a"))
    private var world = HolderWorld()

    private func version(
        _ sequence: UInt64, knows: [Dot] = [], value: RegisterValue? = nil
    ) -> RegisterVersion {
        RegisterVersion(
            version: Version(
                dot: dot(0, sequence), time: HybridTime(value: sequence),
                context: CausalContext(entries: [dot(0, sequence)])),
            value: value ?? file(sequence), operation: operation(sequence))
    }

    private mutating func commit(_ version: RegisterVersion, on indices: [Int]) {
        for index in indices {
            _ = world.disks[index].execute(.commit(key, version, listed: true), at: .zero)
        }
    }

    private func head(_ operation: ReadOperation) -> RegisterVersion? {
        guard case .read(let register) = operation.outcome else { return nil }
        return register.head
    }

    @Test mutating func underMajorityItWritesBackBeforeItAnswers() {
        let newest = version(2)
        commit(version(1), on: [0, 1, 2])
        commit(newest, on: [2])
        world.silent = [0]
        var read = world.read(key, policy: .majority)
        for _ in 0..<3 { world.step(&read) }
        // Read by two, of which one had it: nobody may read the older one from now on.
        guard case .waiting = read.outcome else {
            Issue.record("\(read.outcome)")
            return
        }
        world.run(&read)
        #expect(head(read) == newest)
        #expect(world.disks[1].register(key)?.head == newest)
    }

    @Test mutating func withoutAMajorityItSaysNothing() {
        commit(version(1), on: [0, 1, 2])
        world.silent = [0, 1]
        var read = world.read(key, policy: .majority)
        world.run(&read)
        guard case .failed = read.outcome else {
            Issue.record("\(read.outcome)")
            return
        }
        #expect(!world.log.contains("read n3"))
    }

    @Test mutating func underAvailableStandInsAreAskedAsWell() {
        let newest = version(2)
        commit(version(1), on: [0, 1, 2])
        commit(newest, on: [4])
        var read = world.read(key, policy: .available)
        world.run(&read)
        #expect(head(read) == newest)
        // And the holders hear of it.
        for index in 0..<3 { #expect(world.disks[index].register(key)?.head == newest) }
    }

    @Test mutating func thatNothingIsThereAHolderHasToSay() {
        world.silent = [0, 1, 2]
        var read = world.read(key, policy: .available)
        world.run(&read)
        guard case .failed = read.outcome else {
            Issue.record("\(read.outcome)")
            return
        }
        world = HolderWorld()
        world.silent = [0, 1]
        var other = world.read(key, policy: .available)
        world.run(&other)
        guard case .read(let register) = other.outcome else {
            Issue.record("\(other.outcome)")
            return
        }
        #expect(register.head == nil)
    }

    /// A node that nobody answers waits for a holder longer than for the others.
    @Test mutating func aSlowHolderIsWaitedForBeforeNothingIsSaid() {
        var read = world.read(key, policy: .available)
        // The stand-ins answer, the holders do not yet.
        let late = world.asked.filter { $0.index < 3 }
        world.asked.removeAll { $0.index < 3 }
        world.run(&read)
        world.now += ReplicationLimits.readTimeout
        var directives: [CoordinatorDirective] = []
        read.timePassed(world.time, into: &directives)
        guard case .waiting = read.outcome else {
            Issue.record("\(read.outcome)")
            return
        }
        world.asked = [late[0]]
        world.run(&read)
        guard case .read = read.outcome else {
            Issue.record("\(read.outcome)")
            return
        }
    }

    @Test mutating func whatWasPreparedMayHaveBeenAcknowledged() {
        let newest = version(2)
        commit(version(1), on: [0, 1, 2])
        _ = world.disks[1].execute(.prepare(key, newest), at: .zero)
        var read = world.read(key, policy: .available)
        world.run(&read)
        #expect(head(read) == newest)
    }

    @Test mutating func whatABallotAcceptedIsSettledFirst() {
        let accepted = version(2)
        commit(version(1), on: [0, 1, 2])
        let ballot = Ballot(round: 1, node: node("m"))
        _ = world.disks[1].execute(.accept(key, ballot, accepted), at: .zero)
        var read = world.read(key, policy: .majority)
        world.silent = [2]
        world.run(&read)
        guard case .needsBallot = read.outcome else {
            Issue.record("\(read.outcome)")
            return
        }
    }

    @Test mutating func aDirectoryAtThePathIsSaid() {
        var plain = world.read(key, policy: .majority)
        world.run(&plain)
        #expect(!plain.mayBeDirectory)
        world.asked = []
        let below = EntryKey(directory: key.path, name: [0x66])
        let entry = DirectoryEntry(file: .init(rank: version(1).rank, record: version(1).record))
        _ = world.disks[0].execute(.putEntry(below, entry), at: .zero)
        var read = world.read(key, policy: .majority)
        world.run(&read)
        #expect(read.mayBeDirectory)
        var mark = world.read(.mark(key.path), policy: .majority)
        world.run(&mark)
        #expect(!mark.mayBeDirectory)
    }
}
