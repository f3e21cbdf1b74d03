import Model
import Testing

@testable import Replication

/// Whether a directory is gone, asked of all who hold it.
@Suite struct AbsenceCheckTests {
    private let directory = path("/d")
    private var disks = (0..<4).map { MemoryTables(disk: disk($0)) }
    private let targets = Targets(
        layouts: [(0..<3).map { Target(node: node("n\($0)"), disk: disk($0)) }],
        handOffs: [Target(node: node("n3"), disk: disk(3))])

    private mutating func put(
        _ name: String, _ number: UInt64, isThere: Bool = true, on indices: [Int]
    ) {
        let version = Version(
            dot: dot(0, number), time: HybridTime(value: number),
            context: CausalContext(entries: [dot(0, number)]))
        let register = RegisterVersion(
            version: version, value: isThere ? file(number) : .deleted,
            operation: operation(number))
        let entry = DirectoryEntry(file: .init(rank: version.rank, record: register.record))
        let key = EntryKey(directory: directory, name: Array(name.utf8))
        for index in indices { _ = disks[index].execute(.putEntry(key, entry), at: .zero) }
    }

    /// - Parameters:
    ///   - order: who answers, one after the other, until that is enough; the others say nothing.
    ///   - dead: who is known not to be there.
    private mutating func check(
        _ policy: WritePolicy, order: [Int], dead: Set<Int> = []
    ) -> AbsenceCheck.Outcome {
        var directives: [CoordinatorDirective] = []
        let all = targets.holders + targets.handOffs
        var check = AbsenceCheck(
            directory, at: targets, policy: policy,
            isReachable: { name in !dead.contains { node("n\($0)") == name } }, into: &directives)
        var requests: [NodeID: ReplicaRequest] = [:]
        for case .ask(let node, let request, _) in directives { requests[node] = request }
        for index in order where check.outcome == .waiting {
            guard let request = requests.removeValue(forKey: all[index].node) else { continue }
            check.answered(disks[index].execute(request, at: .zero).reply, by: all[index])
        }
        guard check.outcome == .waiting else { return check.outcome }
        for node in requests.keys.sorted() { check.unanswered(by: node) }
        return check.outcome
    }

    /// A new holder heard of one file alone, and that it is gone.
    @Test mutating func whatOneHolderLacksIsThereAllTheSame() {
        put("f", 1, on: [1, 2])
        put("g", 2, on: [0, 1, 2])
        put("g", 3, isThere: false, on: [0, 1, 2])
        #expect(!Replica.existence(of: directory, disks[0]).exists)
        #expect(check(.majority, order: [0, 1, 2]) == .there)
        #expect(check(.available, order: [0, 2, 1]) == .there)
        // It alone is nobody to say so.
        #expect(check(.majority, order: [0]) == .failed)
    }

    @Test mutating func itIsGoneWhenTheHoldersAgree() {
        put("f", 1, on: [0, 1, 2])
        put("f", 2, isThere: false, on: [0])
        // On the way: another may have taken something in since, as no news.
        #expect(check(.majority, order: [0, 1]) == .there)
        put("f", 2, isThere: false, on: [1])
        #expect(check(.majority, order: [0, 1]) == .gone)
        #expect(check(.available, order: [0, 1, 3], dead: [2]) == .gone)
        put("f", 2, isThere: false, on: [2])
        #expect(check(.available, order: [0, 1, 2, 3]) == .gone)
    }

    @Test mutating func underAvailableStandInsAreAskedAndHoldersAreNeeded() {
        put("f", 1, on: [3])
        #expect(check(.available, order: [0, 1, 2, 3]) == .there)
        put("f", 2, isThere: false, on: [3])
        #expect(check(.available, order: [3]) == .failed)
        #expect(check(.available, order: [0]) == .gone)
        #expect(check(.available, order: [], dead: [0, 1, 2, 3]) == .failed)
    }

    @Test mutating func withoutAMajorityNobodyIsAsked() {
        #expect(check(.majority, order: [0], dead: [1, 2]) == .failed)
        #expect(check(.majority, order: [0, 2], dead: [1]) == .gone)
    }
}
