import Model
import Testing

@testable import Replication

/// Which kept versions may go, as one holder finds it on its disk.
@Suite struct AgeingTests {
    private let key = RegisterKey.file(path("/a"))

    /// Version `number` of one disk, at that time, knowing all before it.
    private func version(_ number: UInt64, knows earlier: UInt64? = nil) -> RegisterVersion {
        var context = CausalContext(entries: [dot(0, number)])
        if let earlier { context.insert(dot(0, earlier)) }
        return RegisterVersion(
            version: Version(
                dot: dot(0, number), time: HybridTime(value: number * 10), context: context),
            value: file(number), operation: operation(number))
    }

    private func overwritten(_ count: UInt64) -> MemoryTables {
        var tables = MemoryTables(disk: disk(0))
        for number in 1...count {
            _ = tables.execute(.commit(key, version(number), listed: true), at: .zero)
        }
        return tables
    }

    private func aged(
        _ tables: MemoryTables, kept: UInt64 = 0, surplus: UInt64 = 0, emptied: UInt64 = 0,
        after: Partition? = nil
    ) -> (registers: [AgedRegister], next: Partition?) {
        var tables = tables
        let bounds = AgeBounds(
            keptBefore: HybridTime(value: kept), surplusBefore: HybridTime(value: surplus),
            keptCountMax: 3, losersMax: 2, tombstonesBefore: .zero,
            emptiedUntil: HybridTime(value: emptied))
        guard
            case .aged(let registers, let next) = tables.execute(
                .aged(bounds, after: after, limit: 10), at: .zero
            ).reply
        else { return ([], nil) }
        return (registers, next)
    }

    @Test func whatIsOldGoesHoweverFewThereAre() {
        let tables = overwritten(4)
        // The second was superseded at 30, the third at 40.
        #expect(aged(tables, kept: 40).registers.map(\.kept) == [[dot(0, 1), dot(0, 2)]])
        #expect(aged(tables).registers == [])
    }

    @Test func aPathKeepsTheNewestOfMany() {
        let tables = overwritten(8)
        let all = aged(tables, surplus: 1000).registers
        #expect(all.map(\.kept) == [[dot(0, 1), dot(0, 2), dot(0, 3), dot(0, 4)]])
    }

    @Test func aSurplusThatIsYoungStaysSinceRepeatedOperationsAreFoundByIt() {
        let tables = overwritten(8)
        // The first was superseded at 20, the second at 30.
        #expect(aged(tables, surplus: 30).registers.map(\.kept) == [[dot(0, 1)]])
    }

    @Test func losersOfConflictsAreNoneOfTheSurplusAndBoundedByThemselves() {
        var tables = overwritten(4)
        for number in UInt64(1)...3 {
            let loser = RegisterVersion(
                version: Version(
                    dot: dot(1, number), time: HybridTime(value: number),
                    context: CausalContext(entries: [dot(1, number)])),
                value: file(90 + number), operation: operation(90 + number))
            _ = tables.execute(.commit(key, loser, listed: true), at: .zero)
        }
        // Three superseded and two losers may stay.
        #expect(aged(tables, surplus: 1000).registers.flatMap(\.kept) == [dot(1, 1)])
    }

    @Test func whatWasPurgedKeepsItsNameAsLongAsOthers() {
        var tables = overwritten(3)
        #expect(tables.execute(.purge(key, [dot(0, 1)]), at: .zero).reply == .done)
        // The first was superseded at 20.
        #expect(aged(tables, kept: 20, surplus: 1000).registers == [])
        #expect(aged(tables, kept: 21).registers.map(\.kept) == [[dot(0, 1)]])
        let register = tables.register(key)
        #expect(register?.version(of: operation(1))?.dot == dot(0, 1))
        #expect(register?.spareVersions.map(\.dot) == [dot(0, 2)])
    }

    @Test func anEmptiedTrashTakesWhatIsAtNoPathAnyMore() {
        var tables = overwritten(3)
        #expect(aged(tables, surplus: 1000, emptied: 1000).registers == [])
        var deletion = version(4)
        deletion.value = .deleted
        _ = tables.execute(.commit(key, deletion, listed: true), at: .zero)
        // The third was superseded at 40, by the deletion.
        #expect(
            aged(tables, surplus: 1000, emptied: 39).registers.map(\.kept)
                == [[dot(0, 1), dot(0, 2)]])
        #expect(
            aged(tables, surplus: 1000, emptied: 40).registers.map(\.kept)
                == [[dot(0, 1), dot(0, 2), dot(0, 3)]])
        #expect(aged(tables, surplus: 20, emptied: 40).registers == [])
    }

    @Test func contentsAreKeptOfTheNewestAndNeverOfAllThatCame() {
        let tables = overwritten(UInt64(ReplicationLimits.spareCountMax) + 10)
        let spare = tables.register(key)?.spareVersions ?? []
        #expect(spare.count == ReplicationLimits.spareCountMax)
        #expect(spare.first?.dot == dot(0, UInt64(ReplicationLimits.spareCountMax) + 9))
    }

    @Test func oneSearchLooksAtABoundedPartAndGoesOnBehindIt() {
        var tables = MemoryTables(disk: disk(0))
        let count = ReplicationLimits.agedWalkMax * 2
        for number in 0..<count {
            let key = RegisterKey.file(path("/\(number)"))
            for step in UInt64(1)...2 {
                let one = RegisterVersion(
                    version: Version(
                        dot: dot(number, step), time: HybridTime(value: step),
                        context: CausalContext(entries: [dot(number, step)])),
                    value: file(step), operation: operation(UInt64(number) * 2 + step))
                _ = tables.execute(.commit(key, one, listed: true), at: .zero)
            }
        }
        let first = aged(tables)
        #expect(first.registers == [])
        #expect(first.next != nil)
        var rounds = 1
        var next = first.next
        while let after = next, rounds < 10 {
            next = aged(tables, after: after).next
            rounds += 1
        }
        // Partitions count, too: each is a look into the tables.
        #expect((2...4).contains(rounds))
    }
}
