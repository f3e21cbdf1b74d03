import Model
import Testing

@testable import Replication

/// What becomes of the locks at one path.
@Suite struct LockChangeTests {
    private static let doubt = UInt64(ReplicationLimits.lockDoubt.components.seconds) * 1000

    private func changed(_ change: LockChange, _ set: LockSet, at wall: UInt64 = 0) -> LockSet? {
        if case .changed(let set) = change.applied(to: set, at: wall) { return set }
        return nil
    }

    private func set(_ requests: LockRequest...) -> LockSet {
        requests.reduce(LockSet()) { set, request in changed(.take(request), set) ?? set }
    }

    @Test func anExclusiveLockLetsNoOtherIn() {
        let held = set(request(1))
        for scope in [LockScope.exclusive, .shared] {
            guard
                case .conflict(let others) =
                    LockChange.take(request(2, scope)).applied(to: held, at: 0)
            else {
                Issue.record("\(scope)")
                continue
            }
            #expect(others.map(\.token) == [token(1)])
        }
    }

    @Test func sharedLocksGoTogetherAndLetNoExclusiveOneIn() {
        let held = set(request(1, .shared), request(2, .shared))
        #expect(held.locks.count == 2)
        guard
            case .conflict(let others) = LockChange.take(request(3)).applied(to: held, at: 0)
        else {
            Issue.record("taken")
            return
        }
        #expect(others.count == 2)
    }

    @Test func aLockCountsUntilItIsOverByEveryClock() {
        let held = set(request(1, seconds: 60))
        let last = 60_000 + Self.doubt
        #expect(changed(.take(request(2)), held, at: last) == nil)
        let next = changed(.take(request(2)), held, at: last + 1)
        #expect(next?.locks.map(\.token) == [token(2)])
        #expect(LockChange.release(token(1)).applied(to: held, at: last + 1) == .notFound)
        #expect(changed(.expire, held, at: last + 1)?.isEmpty == true)
        #expect(LockChange.expire.applied(to: held, at: last) == .unchanged(held))
    }

    @Test func doingItAgainChangesNothing() {
        var generator = SplitMix64(seed: 3)
        for _ in 0..<2_000 {
            let numbers = 0..<Int.random(in: 0...4, using: &generator)
            let locks = numbers.map {
                lock(UInt64($0), expires: .random(in: 0...400_000, using: &generator))
            }
            let held = LockSet(
                locks: locks.shuffled(using: &generator),
                traces: numbers.map { .init(name: [UInt8($0)], until: UInt64($0) * 100_000) })
            let wall = UInt64.random(in: 0...600_000, using: &generator)
            let number = UInt64.random(in: 0...5, using: &generator)
            let changes: [LockChange] = [
                .take(request(number)), .refresh(token(number), seconds: 100),
                .release(token(number)), .trace(.init(name: [1], until: wall)), .expire,
            ]
            for change in changes {
                guard let once = changed(change, held, at: wall) else { continue }
                switch (change, change.applied(to: once, at: wall)) {
                case (.release, let again): #expect(again == .notFound)
                case (_, let again): #expect(again == .unchanged(once))
                }
            }
        }
    }

    @Test func aRefreshTakesNothingAway() {
        let held = set(request(1, seconds: 100))
        #expect(changed(.refresh(token(1), seconds: 200), held)?[token(1)]?.expires == 200_000)
        #expect(changed(.refresh(token(1), seconds: 5), held)?[token(1)]?.expires == 100_000)
        #expect(LockChange.refresh(token(2), seconds: 5).applied(to: held, at: 0) == .notFound)
    }

    @Test func boundsHold() {
        let long = set(request(1, seconds: .max))
        #expect(long[token(1)]?.seconds == ReplicationLimits.lockSecondsMax)
        #expect(set(request(1, seconds: 0))[token(1)]?.seconds == 1)

        var full = LockSet()
        for number in 0..<UInt64(ReplicationLimits.locksPerPathMax) {
            full = changed(.take(request(number, .shared)), full) ?? full
        }
        #expect(full.locks.count == ReplicationLimits.locksPerPathMax)
        #expect(LockChange.take(request(99, .shared)).applied(to: full, at: 0) == .tooMany)

        var wordy = request(1)
        wordy.owner = [UInt8](
            repeating: 0x61, count: ReplicationLimits.lockOwnerByteCountMax + 1)
        #expect(LockChange.take(wordy).applied(to: LockSet(), at: 0) == .tooMany)
    }

    /// Where there is no room for a trace, all names count as traced.
    @Test func tracesAreBounded() {
        var set = LockSet()
        for number in 0...ReplicationLimits.lockTracesMax {
            let trace = LockSet.Trace(name: Array("\(number)".utf8), until: 1_000)
            set = changed(.trace(trace), set) ?? set
        }
        #expect(set.traces.count == ReplicationLimits.lockTracesMax)
        #expect(set.hasTrace(of: Array("never".utf8), until: 1_000))
        #expect(!set.hasTrace(of: Array("never".utf8), until: 1_001))
        #expect(changed(.expire, set, at: 1_001)?.isEmpty == true)
    }

    /// Whoever leaves a trace in between counts on it.
    @Test func onlyATraceThatIsClosedStillIsDropped() throws {
        let trace = LockSet.Trace(name: [1], until: 1_000)
        let other = LockSet.Trace(name: [2], until: 1_000)
        let set = LockSet(traces: [trace, other])
        #expect(LockChange.drop([trace]).applied(to: set, at: 0) == .unchanged(set))
        let closed = try #require(changed(.close([trace]), set))
        #expect(closed.isClosed(trace) && !closed.isClosed(other))
        // It counts all the same, and no lock goes by it.
        #expect(closed.traces.count == 2)
        #expect(!closed.hasTrace(of: [1], until: 1))
        #expect(changed(.drop([trace, other]), closed)?.traces == [other])

        // Left anew, also by a clock that is behind.
        for until in [500, 2_000] as [UInt64] {
            let left = try #require(
                changed(.trace(LockSet.Trace(name: [1], until: until)), closed))
            #expect(left.hasTrace(of: [1], until: 1_000))
            #expect(left.traceEnd(of: [1]) ?? 0 > 1_000)
            #expect(LockChange.drop([trace]).applied(to: left, at: 0) == .unchanged(left))
            #expect(LockChange.close([trace]).applied(to: left, at: 0) == .unchanged(left))
        }
    }

    @Test func whatIsLeftOfNoLocksIsATombstone() {
        let held = set(request(1))
        #expect(changed(.release(token(1)), held)?.value == .deleted)
        #expect(held.value == .locks(held))
    }
}
