import Model
import Replication
import Testing

@testable import Simulator

/// Each checker: what must pass and what must fail.
@Suite struct DurabilityCheckerTests {
    private let first = Support.version(1)

    /// A move that was begun by somebody who died is finished: the version that it moved is gone.
    @Test func aFileAtBothPlacesOfAMoveIsFound() {
        let target = KeySpace.plain[1]
        let moved = Support.version(1)
        var history = History()
        let move = Support.record(0, .move(to: target), from: 0, to: 10, .unknown)
        _ = history.append(move)
        var placed = Support.stored(Support.version(5), by: 9)
        placed.operation = move.operation.moving(moved.dot)
        func final(_ source: RegisterVersion, _ destination: RegisterVersion) -> FinalState {
            var final = Support.final([Register(head: source)])
            final.files += Support.final([Register(head: destination)], path: target).files
            return final
        }
        let source = Support.stored(moved, by: 1)
        #expect(MovesAreWhole.check(history, .majority, final(source, placed)).count == 1)
        #expect(MovesAreWhole.check(history, .available, final(source, placed)).isEmpty)
        // Another version of the source, none, or a destination that was never made: nothing is wrong.
        let rewritten = Support.stored(Support.version(7), by: 2)
        #expect(MovesAreWhole.check(history, .majority, final(rewritten, placed)).isEmpty)
        let gone = Support.stored(Support.version(8), by: 3, deleted: true)
        #expect(MovesAreWhole.check(history, .majority, final(gone, placed)).isEmpty)
        let other = Support.stored(Support.version(6), by: 4)
        #expect(MovesAreWhole.check(history, .majority, final(source, other)).isEmpty)
        // Overwritten since by somebody who knew it, it was moved all the same.
        var later = Register(head: Support.stored(Support.version(9, knows: [placed.dot]), by: 5))
        later.kept = [
            KeptVersion(version: placed, since: HybridTime(value: 9), isConflict: false)
        ]
        var overwritten = final(source, placed)
        overwritten.files[1] = Support.final([later], path: target).files[0]
        #expect(MovesAreWhole.check(history, .majority, overwritten).count == 1)
    }

    @Test func anAcknowledgementCountsNoMoreCopiesThanThereAre() {
        let checker = AcknowledgedWritesAreDurable(policy: .available)
        let record = Support.record(0, .put, from: 0, to: 5, Support.written(first))
        #expect(checker.acknowledged(record, holding: 2, isMajority: false, at: 5) == nil)
        #expect(checker.acknowledged(record, holding: 1, isMajority: true, at: 5) != nil)
    }

    @Test func underMajorityTheHoldersHaveIt() {
        let checker = AcknowledgedWritesAreDurable(policy: .majority)
        let record = Support.record(0, .put, from: 0, to: 5, Support.written(first))
        #expect(checker.acknowledged(record, holding: 2, isMajority: true, at: 5) == nil)
        #expect(checker.acknowledged(record, holding: 3, isMajority: false, at: 5) != nil)
    }

    @Test func whatIsOnNoDiskIsLost() {
        let history = History([Support.record(0, .put, from: 0, to: 5, Support.written(first))])
        let there = Support.final([Register(head: Support.stored(first, by: 0))])
        #expect(AcknowledgedWritesAreDurable.check(history, there).isEmpty)
        #expect(AcknowledgedWritesAreDurable.check(history, Support.final([])).count == 1)
    }

    @Test func whatANewerVersionKnewMayBeGone() {
        let second = Support.version(2, knows: [first.dot])
        let history = History([
            Support.record(0, .put, from: 0, to: 5, Support.written(first)),
            Support.record(1, .put, from: 6, to: 9, Support.written(second)),
        ])
        let final = Support.final([Register(head: Support.stored(second, by: 1))])
        #expect(AcknowledgedWritesAreDurable.check(history, final).isEmpty)
        #expect(NothingNewIsThrownAway.check(history, final).isEmpty)
    }

    @Test func aLoserThatNobodyKnewMustBeKeptAndMarked() {
        let other = Support.version(
            1, on: DiskID(bits: Bits128(high: 2, low: 2)), time: 9)
        let history = History([
            Support.record(0, .put, from: 0, to: 5, Support.written(first)),
            Support.record(1, .put, from: 0, to: 5, Support.written(other)),
        ])
        let winner = Support.stored(other, by: 1)
        func kept(isConflict: Bool) -> Register {
            Register(
                head: winner,
                kept: [
                    KeptVersion(
                        version: Support.stored(first, by: 0), since: other.time,
                        isConflict: isConflict)
                ])
        }
        let marked = Support.final([kept(isConflict: true)])
        #expect(NothingNewIsThrownAway.check(history, marked).isEmpty)
        let unmarked = Support.final([kept(isConflict: false)])
        #expect(NothingNewIsThrownAway.check(history, unmarked).count == 1)
        var gone = Support.final([Register(head: winner)])
        gone.files[0].copies[0].context.insert(first.dot)
        #expect(NothingNewIsThrownAway.check(history, gone).count == 1)
    }

    @Test func whatADeletionKnewStaysAway() {
        let deletion = Support.version(2, knows: [first.dot])
        let history = History([
            Support.record(0, .put, from: 0, to: 5, Support.written(first)),
            Support.record(1, .delete, from: 6, to: 9, Support.written(deletion)),
        ])
        let deleted = Support.final([
            Register(head: Support.stored(deletion, by: 1, deleted: true))
        ])
        #expect(NothingResurrects.check(history, deleted).isEmpty)
        let back = Support.final([Register(head: Support.stored(first, by: 0))])
        #expect(NothingResurrects.check(history, back).count == 1)
        // A write that the deletion did not know may stay.
        let newer = Support.version(3, knows: [first.dot])
        let rewritten = Support.final([Register(head: Support.stored(newer, by: 2))])
        #expect(NothingResurrects.check(history, rewritten).isEmpty)
    }
}
