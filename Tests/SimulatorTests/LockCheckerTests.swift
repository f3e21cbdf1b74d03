import Model
import Replication
import Testing

@testable import Simulator

/// The checker of locks, with histories that hold and some that do not.
@Suite struct LockCheckerTests {
    private let file = KeySpace.locked[2]

    private func number(_ index: Int) -> ContentNumber { Support.content(index) }

    private func lock(
        _ index: Int, from start: Int64, to end: Int64, seconds: UInt32 = 10,
        shared: Bool = false, deep: Bool = false, exact: Bool = true, fence: UInt64? = nil,
        at path: StorePath? = nil
    ) -> OperationRecord {
        Support.record(
            index,
            .lock(
                LockFacts(token: number(index), isShared: shared, isDeep: deep), seconds: seconds),
            from: second(start), to: second(end),
            .granted(
                fence: HybridTime(value: fence ?? UInt64(start) + 1), seconds: seconds,
                exact: exact), path: path ?? file)
    }

    private func put(
        _ index: Int, from start: Int64, to end: Int64, showing token: Int? = nil,
        at path: StorePath? = nil
    ) -> OperationRecord {
        Support.record(
            index, .guardedPut(token.map { number($0) }), from: second(start), to: second(end),
            Support.written(Support.version(UInt64(index))), path: path ?? file)
    }

    private func unlock(
        _ index: Int, of token: Int, from start: Int64, to end: Int64, exact: Bool = true
    ) -> OperationRecord {
        Support.record(
            index, .unlock(number(token)), from: second(start), to: second(end),
            .unlocked(exact: exact), path: file)
    }

    private func second(_ number: Int64) -> Nanoseconds { .seconds(number) }

    private func count(
        _ records: OperationRecord..., policy: WritePolicy = .majority,
        clockFaults: [ClosedRange<Nanoseconds>] = []
    ) -> Int {
        LocksAreExclusive.check(History(records), policy, 0, clockFaults: clockFaults).count
    }

    @Test func oneAfterTheOtherHolds() {
        #expect(
            count(
                lock(1, from: 0, to: 1), unlock(2, of: 1, from: 3, to: 4),
                lock(3, from: 3, to: 5), lock(4, from: 15, to: 16)) == 0)
        #expect(
            count(lock(1, from: 0, to: 1, shared: true), lock(2, from: 2, to: 3, shared: true))
                == 0)
    }

    @Test func twoAtOneTimeAreFound() {
        for policy in [WritePolicy.available, .majority] {
            let one = lock(1, from: 0, to: 1)
            #expect(count(one, lock(2, from: 2, to: 3), policy: policy) == 1)
            #expect(count(one, lock(2, from: 2, to: 3, shared: true), policy: policy) == 1)
        }
        // Also once the first one was refreshed.
        let refresh = Support.record(
            2, .refreshLock(number(1), seconds: 10), from: second(8), to: second(9),
            .granted(fence: HybridTime(value: 1), seconds: 10, exact: true), path: file)
        #expect(count(lock(1, from: 0, to: 1), refresh, lock(3, from: 11, to: 12)) == 1)
        #expect(count(lock(1, from: 0, to: 1), lock(3, from: 11, to: 12)) == 0)
    }

    @Test func aLockBelowAnotherIsFound() {
        let deep = lock(1, from: 0, to: 1, deep: true, at: KeySpace.lockedDirectory)
        #expect(count(deep, lock(2, from: 2, to: 3, at: KeySpace.locked[0])) == 1)
        #expect(count(deep, lock(2, from: 2, to: 3)) == 0)
        let flat = lock(1, from: 0, to: 1, at: KeySpace.lockedDirectory)
        #expect(count(flat, lock(2, from: 2, to: 3, at: KeySpace.locked[0])) == 0)
    }

    @Test func aWriteUnderALockIsFound() {
        let held = lock(1, from: 0, to: 1)
        #expect(count(held, put(2, from: 2, to: 3)) == 1)
        #expect(count(held, put(2, from: 2, to: 3, showing: 9)) == 1)
        #expect(count(held, put(2, from: 2, to: 3, showing: 1)) == 0)
        // It was under way when the lock was granted; the lock was over when it was answered.
        #expect(count(held, put(2, from: 0, to: 3)) == 0)
        #expect(count(held, put(2, from: 9, to: 11)) == 0)
        let deep = lock(1, from: 0, to: 1, deep: true, at: KeySpace.lockedDirectory)
        #expect(count(deep, put(2, from: 2, to: 3, at: KeySpace.locked[0])) == 1)
        #expect(count(held, put(2, from: 2, to: 3), policy: .available) == 0)
    }

    @Test func aLockThatIsGoneBeforeItsTimeIsFound() {
        let refresh = Support.record(
            2, .refreshLock(number(1), seconds: 10), from: second(3), to: second(4),
            .lockNotFound, path: file)
        #expect(count(lock(1, from: 0, to: 1), refresh) == 1)
        #expect(count(lock(1, from: 0, to: 1, seconds: 3), refresh) == 0)
    }

    @Test func fencesHaveToGrow() {
        let one = lock(1, from: 0, to: 1, seconds: 5, fence: 8)
        #expect(count(one, lock(2, from: 9, to: 10, fence: 8)) == 1)
        #expect(count(one, lock(2, from: 9, to: 10, fence: 9)) == 0)
    }

    @Test func whatClocksOrTheReachableExplainIsNoViolation() {
        let one = lock(1, from: 0, to: 1)
        let other = lock(2, from: 2, to: 3)
        #expect(count(one, other, clockFaults: [second(2)...second(9)]) == 0)
        #expect(count(one, other, clockFaults: [second(5)...second(9)]) == 1)
        let doubtful = lock(2, from: 2, to: 3, exact: false)
        #expect(count(one, doubtful, policy: .available) == 0)
        #expect(
            count(
                unlock(3, of: 9, from: 0, to: 1, exact: false), one, other, policy: .available)
                == 0)
    }
}
