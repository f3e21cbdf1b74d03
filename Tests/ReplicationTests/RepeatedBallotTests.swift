import Model
import Testing

@testable import Replication

/// A conditional write whose answer was lost is asked for again, when another one came on top of it.
///
/// Holder 0 coordinated both. The later one was accepted by holders 0 and 2, and acknowledged; that it
/// was chosen holder 0 alone has heard.
@Suite struct RepeatedBallotTests {
    private let key = RegisterKey.file(path("/a"))
    private let first: BallotOperation.Purpose = .write(file(1), operation(1), .absent)
    private var world = BallotOperationTests.World()
    private let later: RegisterVersion

    init() throws {
        var coordinator = world.start(key, first, policy: .majority)
        world.run(&coordinator)
        guard case .written(let version, _, _, _, exact: true) = coordinator.outcome else {
            throw NotWritten()
        }
        let ballot = Ballot(round: 150, node: node("n0"))
        later = RegisterVersion(
            version: Version(
                dot: dot(0, 2), time: HybridTime(value: 500),
                context: CausalContext(entries: [version.dot, dot(0, 2)])),
            value: file(2), operation: operation(2))
        for index in 0..<3 { _ = world.disks[index].execute(.promise(key, ballot), at: .zero) }
        for index in [0, 2] {
            let reply = world.disks[index].execute(.accept(key, ballot, later), at: .zero).reply
            guard reply == .accepted else { throw NotWritten() }
        }
        _ = world.disks[0].execute(
            .commit(key, later, listed: true, settled: ballot), at: .zero)
    }

    private struct NotWritten: Error {}

    @Test(arguments: [[], [1], [2]])
    mutating func itHidesNothingThatWasChosenSince(_ silent: Set<Int>) {
        world.silent = silent
        var again = world.start(key, first, policy: .majority)
        world.run(&again)
        guard case .written(let version, _, _, _, exact: true) = again.outcome else {
            Issue.record("\(again.outcome)")
            return
        }
        #expect(version.operation == operation(1))
        // Any majority of the holders knows of the later one.
        for away in 0..<3 {
            var readers = HolderWorld()
            readers.disks.replaceSubrange(0..<3, with: world.disks)
            readers.dead = [away]
            var read = readers.read(key, policy: .majority)
            readers.run(&read)
            switch read.outcome {
            case .read(let register): #expect(register.head == later, "without \(away)")
            case .needsBallot: break
            case .waiting, .failed: Issue.record("\(read.outcome) without \(away)")
            }
        }
    }
}
