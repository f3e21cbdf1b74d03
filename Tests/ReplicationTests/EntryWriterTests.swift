import Model
import Testing

@testable import Replication

/// The entries of a change, at the holders of its directory.
@Suite struct EntryWriterTests {
    private var disks = (0..<5).map { MemoryTables(disk: disk($0)) }
    private let targets = Targets(
        layouts: [(0..<3).map { Target(node: node("n\($0)"), disk: disk($0)) }],
        handOffs: (3..<5).map { Target(node: node("n\($0)"), disk: disk($0)) })
    private var asked: [(index: Int, request: ReplicaRequest, round: UInt32)] = []

    private var all: [Target] { targets.holders + targets.handOffs }

    private func item(_ text: String, _ number: UInt64, isThere: Bool = true) -> KeyedEntry {
        let version = Version(
            dot: dot(0, number), time: HybridTime(value: number),
            context: CausalContext(entries: [dot(0, number)]))
        let register = RegisterVersion(
            version: version, value: isThere ? file(number) : .deleted,
            operation: operation(number))
        guard let key = EntryKey(of: path(text)) else { preconditionFailure("the root") }
        return KeyedEntry(
            key: key,
            entry: DirectoryEntry(file: .init(rank: version.rank, record: register.record)))
    }

    private mutating func begin(
        _ item: KeyedEntry, _ policy: WritePolicy, round: UInt32 = 0, dead: Set<Int> = []
    ) -> EntryWriter {
        var directives: [CoordinatorDirective] = []
        let writer = EntryWriter(
            item, at: targets, policy: policy, round: round,
            isReachable: { name in !dead.contains { node("n\($0)") == name } }, into: &directives)
        take(directives)
        return writer
    }

    private mutating func take(_ directives: [CoordinatorDirective]) {
        for case .ask(let node, let request, let round) in directives {
            asked.append((all.firstIndex { $0.node == node } ?? 0, request, round))
        }
    }

    /// The first of those asked executes it and answers; or says nothing.
    @discardableResult
    private mutating func answer(
        _ writer: inout EntryWriter, isSilent: Bool = false
    ) -> EntryWriter.Outcome {
        let (index, request, round) = asked.removeFirst()
        var directives: [CoordinatorDirective] = []
        defer { take(directives) }
        if isSilent {
            return writer.unanswered(by: all[index].node, round: round, into: &directives)
        }
        let reply = disks[index].execute(request, at: .zero).reply
        return writer.answered(reply, by: all[index], round: round, into: &directives)
    }

    private mutating func finish(_ writer: inout EntryWriter) {
        while !asked.isEmpty { answer(&writer) }
    }

    /// How many disks list the name.
    private func listedCount(_ item: KeyedEntry) -> Int {
        disks.count { $0.entry(item.key)?.isLive == true }
    }

    @Test(arguments: [WritePolicy.available, .majority])
    mutating func itIsDoneWhenTwoOfThreeHoldersHaveIt(_ policy: WritePolicy) {
        let item = item("/d/a", 1)
        var writer = begin(item, policy)
        #expect(asked.map(\.index) == [0, 1, 2])
        #expect(writer.outcome == .waiting)
        #expect(answer(&writer) == .waiting)
        #expect(answer(&writer) == .done)
        #expect(listedCount(item) == 2)
    }

    @Test mutating func standInsTakeItWhereHoldersAreAway() {
        let item = item("/d/a", 1)
        var writer = begin(item, .available, dead: [1])
        #expect(asked.map(\.index) == [0, 2, 3])
        #expect(answer(&writer, isSilent: true) == .waiting)
        #expect(asked.map(\.index) == [2, 3, 4])
        #expect(answer(&writer) == .waiting)
        #expect(answer(&writer) == .done)
        #expect(disks[3].entry(item.key) == item.entry)
    }

    @Test mutating func withoutAMajorityItFails() {
        var writer = begin(item("/d/a", 1), .majority)
        #expect(answer(&writer) == .waiting)
        #expect(answer(&writer, isSilent: true) == .waiting)
        #expect(answer(&writer, isSilent: true) == .failed)
        #expect(asked.isEmpty)
    }

    /// A full disk takes entries all the same; who cannot says something else.
    @Test mutating func anAnswerWithoutTheEntryIsNoCopy() {
        var writer = begin(item("/d/a", 1), .majority)
        var directives: [CoordinatorDirective] = []
        let holders = targets.holders
        #expect(writer.answered(.full, by: holders[0], round: 0, into: &directives) == .waiting)
        // The third one alone would be no majority.
        #expect(writer.answered(.full, by: holders[1], round: 0, into: &directives) == .failed)
    }

    @Test mutating func whatBelongsToAnotherRoundIsNotCounted() {
        var writer = begin(item("/d/a", 1), .majority, round: 7)
        #expect(asked.allSatisfy { $0.round == 7 })
        var directives: [CoordinatorDirective] = []
        let existence = Existence(exists: true, isMarked: false, rank: nil, hasChanged: true)
        for target in targets.holders {
            _ = writer.answered(
                .entry(nil, existence: existence), by: target, round: 6, into: &directives)
            _ = writer.unanswered(by: target.node, round: 6, into: &directives)
        }
        #expect(writer.outcome == .waiting)
        #expect(writer.next == nil)
        #expect(directives.isEmpty)
    }

    // MARK: The entry above

    @Test mutating func theParentHearsOfADirectoryThatCameAndThatWent() {
        var first = begin(item("/d/a", 1), .majority)
        finish(&first)
        #expect(first.next?.key == EntryKey(of: path("/d")))
        #expect(first.next?.entry.file == nil)
        #expect(first.next?.entry.directory?.exists == true)
        var removal = begin(item("/d/a", 2, isThere: false), .majority)
        finish(&removal)
        #expect(removal.next?.entry.directory?.exists == false)
        // It went later than it came.
        var entry = first.next?.entry
        removal.next.map { entry?.merge($0.entry) }
        #expect(entry?.isLive == false)
    }

    @Test mutating func theParentHearsNothingOfADirectoryThatWasThere() {
        var first = begin(item("/d/a", 1), .majority)
        finish(&first)
        var second = begin(item("/d/b", 2), .majority)
        finish(&second)
        #expect(second.outcome == .done)
        #expect(second.next == nil)
    }

    /// To the holders that knew nothing of the directory it came.
    @Test mutating func theParentHearsWhereOneHolderSaysSo() {
        let earlier = item("/d/a", 1)
        for index in [0, 1] {
            _ = disks[index].execute(.putEntry(earlier.key, earlier.entry), at: .zero)
        }
        var writer = begin(item("/d/b", 2), .majority)
        answer(&writer)
        answer(&writer)
        #expect(writer.next == nil)
        answer(&writer)
        #expect(writer.next?.entry.directory?.exists == true)
    }

    /// One holder lacks the other file: to it the directory went with this one.
    @Test mutating func theParentHearsNothingOfADirectoryThatWentAtOneHolderAlone() {
        let other = item("/d/b", 1)
        let file = item("/d/a", 2)
        for index in [1, 2] {
            _ = disks[index].execute(.putEntry(other.key, other.entry), at: .zero)
        }
        for index in 0..<3 {
            _ = disks[index].execute(.putEntry(file.key, file.entry), at: .zero)
        }
        let before = disks
        for dead: Set<Int> in [[1], [2], []] {
            disks = before
            var writer = begin(item("/d/a", 3, isThere: false), .majority, dead: dead)
            finish(&writer)
            #expect(writer.outcome == .done)
            #expect(writer.next == nil)
        }
    }

    @Test mutating func nothingIsAboveTheRoot() {
        var writer = begin(item("/a", 1), .majority)
        finish(&writer)
        #expect(writer.outcome == .done)
        #expect(writer.next == nil)
    }
}
