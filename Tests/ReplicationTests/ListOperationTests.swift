import Model
import Testing

@testable import Replication

/// Pages of a directory whose holders also tell the names that are gone.
@Suite struct ListOperationTests {
    private let directory = path("/d")
    private var disks = (0..<3).map { MemoryTables(disk: disk($0)) }
    private let targets = Targets(
        layouts: [(0..<3).map { Target(node: node("n\($0)"), disk: disk($0)) }], handOffs: [])

    private mutating func put(
        _ name: String, _ number: UInt64, isThere: Bool, on indices: [Int] = [0, 1, 2]
    ) {
        let version = Version(
            dot: dot(0, number), time: HybridTime(value: number),
            context: CausalContext(entries: [dot(0, number)]))
        let value: RegisterValue = isThere ? file(number) : .deleted
        let register = RegisterVersion(
            version: version, value: value, operation: operation(number))
        let entry = DirectoryEntry(file: .init(rank: version.rank, record: register.record))
        let key = EntryKey(directory: directory, name: Array(name.utf8))
        for index in indices { _ = disks[index].execute(.putEntry(key, entry), at: .zero) }
    }

    private func list(
        after: String? = nil, limit: Int, policy: WritePolicy = .majority
    ) -> (names: [String], exists: Bool, next: String?)? {
        let time = CoordinatorTime(now: .zero, stamp: .zero)
        var directives: [CoordinatorDirective] = []
        var operation = ListOperation(
            directory, after: after.map { Array($0.utf8) }, limit: limit, targets: targets,
            policy: policy, time: time, isReachable: { _ in true }, into: &directives)
        for _ in 0..<100 where !directives.isEmpty {
            guard case .ask(let node, let request, let round) = directives.removeFirst(),
                let index = targets.holders.firstIndex(where: { $0.node == node })
            else { return nil }
            var tables = disks[index]
            operation.answered(
                tables.execute(request, at: .zero).reply, by: targets.holders[index], round: round,
                time, into: &directives)
        }
        guard case .page(let entries, let exists, let next) = operation.outcome else { return nil }
        return (
            entries.map { String(decoding: $0.key.name, as: UTF8.self) }, exists,
            next.map { String(decoding: $0, as: UTF8.self) }
        )
    }

    @Test mutating func namesThatAreGoneEndNoListing() {
        for number in 1...200 as ClosedRange<UInt64> {
            put("a\(1000 + number)", number, isThere: false)
        }
        put("z1", 301, isThere: true)
        put("z2", 302, isThere: true)
        let all = list(limit: 10)
        #expect(all?.names == ["z1", "z2"])
        #expect(all?.exists == true)
        #expect(all?.next == nil)
        // The first name that is there, behind those that are not: a directory that is not empty.
        let one = list(limit: 1)
        #expect(one?.names == ["z1"])
        #expect(one?.next == "z1")
        #expect(list(after: "z1", limit: 1)?.names == ["z2"])
    }

    @Test mutating func noAnswerTakesMoreBytesThanAPage() {
        let long = String(repeating: "n", count: 240)
        for number in 1...1500 as ClosedRange<UInt64> {
            put("\(1000 + number)\(long)", number, isThere: true)
        }
        let request = ReplicaRequest.list(directory, after: nil, limit: 2000, withGone: true)
        guard case .listing(let page, _, let more) = disks[0].execute(request, at: .zero).reply
        else {
            Issue.record("no listing")
            return
        }
        #expect(more)
        #expect(page.count < 1500)
        let byteCount = page.reduce(0) { $0 + $1.encodedByteCount }
        #expect(byteCount <= ReplicationLimits.pageByteCountMax)
        // A client that asks for all gets all.
        let all = list(limit: 2000)
        #expect(all?.names.count == 1500)
        #expect(all?.next == nil)
    }

    @Test mutating func theLastPageOfADirectoryMayHoldNothing() {
        put("a", 1, isThere: true)
        put("b", 2, isThere: true)
        put("c", 3, isThere: false)
        #expect(list(limit: 2)?.next == "b")
        let last = list(after: "b", limit: 2)
        #expect(last?.names == [])
        #expect(last?.exists == true)
        #expect(last?.next == nil)
    }

    @Test mutating func aDirectoryOfNothingButTracesIsNotThere() {
        for number in 1...100 as ClosedRange<UInt64> {
            put("a\(1000 + number)", number, isThere: false)
        }
        let result = list(limit: 5)
        #expect(result?.names == [])
        #expect(result?.exists == false)
        #expect(result?.next == nil)
    }

    /// One holder has not heard of a deletion: the other ones have.
    /// Whether anything is there is asked of a few names first, of more where all of them are gone.
    @Test mutating func whatIsThereBehindNamesThatAreGoneIsFound() {
        let gone = UInt64(ReplicationLimits.existenceCountMin) * 3
        for number in 1...gone { put("a\(100 + number)", number, isThere: false) }
        #expect(list(limit: 1)?.exists == false)
        put("z", 500, isThere: true)
        let found = list(limit: 1)
        #expect(found?.names == ["z"])
        #expect(found?.exists == true)
        #expect(found?.next == nil)
    }

    @Test mutating func aHolderThatIsBehindListsNothingThatIsGone() {
        put("a", 1, isThere: true)
        put("b", 2, isThere: true)
        put("a", 3, isThere: false, on: [1, 2])
        #expect(list(limit: 5)?.names == ["b"])
    }

    /// One holder has not heard that the directory's mark was removed.
    @Test mutating func theHolderThatKnowsTheLatestOfAMarkIsRight() {
        let key = RegisterKey.mark(directory)
        func version(_ sequence: UInt64, _ value: RegisterValue) -> RegisterVersion {
            RegisterVersion(
                version: Version(
                    dot: dot(0, sequence), time: HybridTime(value: sequence),
                    context: CausalContext(entries: [dot(0, sequence)])),
                value: value, operation: operation(sequence))
        }
        for index in disks.indices {
            _ = disks[index].execute(.commit(key, version(1, .mark), listed: true), at: .zero)
        }
        #expect(list(limit: 5)?.exists == true)
        for index in [1, 2] {
            _ = disks[index].execute(.commit(key, version(2, .deleted), listed: true), at: .zero)
        }
        #expect(list(limit: 5)?.exists == false)
        #expect(list(limit: 5, policy: .available)?.exists == false)
    }

    @Test mutating func pagesFollowEachOtherWithoutGapsAndEnd() {
        for number in 1...25 as ClosedRange<UInt64> {
            put("a\(1000 + number)", number, isThere: number % 3 != 0)
        }
        var names: [String] = []
        var after: String?
        for _ in 0..<20 {
            guard let page = list(after: after, limit: 4) else { break }
            names += page.names
            after = page.next
            if after == nil { break }
        }
        #expect(after == nil)
        #expect(names == (1...25).filter { $0 % 3 != 0 }.map { "a\(1000 + $0)" })
    }
}
