import Cluster
import Model
import Replication
import Synchronization
import Testing

@testable import StoreProcess

/// The steps of a write share a transaction, for the brain hears of each before it is durable.
@Suite struct AnswersAheadTests {
    private static let path = TableWorld.paths[0]

    /// Follows an assignment with its commit, as the brain does.
    private final class Follower: Sendable {
        struct State {
            var writer: Writer?
            var groups: [[UInt64]] = []
            var told: [UInt64] = []
            var numbers: [UInt64] = []
        }

        let state = Mutex(State())
        let follows: Bool

        init(follows: Bool = true) { self.follows = follows }

        func open(_ directory: TemporaryDirectory) throws -> Engine {
            let engine = try Engine(
                directory.bytePath,
                committed: { committed in
                    self.state.withLock { state in
                        if committed.storage.isEmpty { return }
                        state.groups.append(committed.storage.map(\.ticket))
                        state.numbers.append(committed.ahead)
                    }
                },
                answeredAhead: { self.answeredAhead($0) }, found: { _ in })
            state.withLock { $0.writer = engine.writer }
            return engine
        }

        private func answeredAhead(_ ahead: AnsweredAhead) {
            let writer = state.withLock { state in
                state.told += ahead.storage.map(\.ticket)
                return state.writer
            }
            guard follows else { return }
            for (ticket, answer) in ahead.storage {
                guard case .replica(let outcome) = answer, let version = outcome.madeVersion
                else { continue }
                let commit = ReplicaRequest.commit(
                    .file(AnswersAheadTests.path), version, listed: true)
                writer?.submit(
                    .storage(StorageJob(.replica(commit), at: .zero)), ticket: ticket + 100)
            }
            writer?.submit(.followed(ahead.number))
        }

        func assign(_ number: UInt64, _ engine: Engine) {
            let request = Sample.assign(AnswersAheadTests.path, number)
            engine.writer.submit(
                .storage(
                    StorageJob(
                        .replica(request), contents: Sample.contents(of: request), at: .zero)),
                ticket: number)
        }

        func end(_ engine: Engine) -> State {
            state.withLock { $0.writer = nil }
            engine.end()
            return state.withLock { $0 }
        }

        /// Until so many answers are durable.
        func wait(_ count: Int) async throws {
            let deadline = ContinuousClock.now + .seconds(60)
            while state.withLock({ $0.groups.joined().count }) < count {
                try #require(.now < deadline)
                try await Task.sleep(for: .milliseconds(2))
            }
        }
    }

    @Test func whatFollowsFromAnAnswerSharesItsTransaction() async throws {
        let temporary = try TemporaryDirectory()
        let follower = Follower()
        let engine = try follower.open(temporary)
        // It may miss the time that is waited for it, on a busy machine.
        var isShared = false
        for number in 1...20 as ClosedRange<UInt64> where !isShared {
            follower.assign(number, engine)
            try await follower.wait(Int(number) * 2)
            isShared = follower.state.withLock { $0.groups.contains([number, number + 100]) }
        }
        #expect(isShared)
        let state = follower.end(engine)
        #expect(state.told.contains(1))
        #expect(state.numbers == state.numbers.sorted() && state.numbers.first == 1)
    }

    @Test func aBrainThatSaysNothingIsNotWaitedForLong() async throws {
        let temporary = try TemporaryDirectory()
        let follower = Follower(follows: false)
        let engine = try follower.open(temporary)
        for number in 1...3 as ClosedRange<UInt64> { follower.assign(number, engine) }
        try await follower.wait(3)
        let state = follower.end(engine)
        #expect(Set(state.told).isSubset(of: [1, 2, 3]) && !state.told.isEmpty)
        #expect(Array(state.groups.joined()) == [1, 2, 3])
    }

    /// A transaction that fails for want of room could not be taken back.
    @Test func nothingIsAnsweredAheadWhereRoomIsScarce() async throws {
        let temporary = try TemporaryDirectory()
        let follower = Follower()
        let engine = try follower.open(temporary)
        let free = try engine.directory.freeByteCount()
        // Above the reserve there is less than what others may write at any moment.
        let reserve = free - min(free, StoreLimits.aheadByteCount / 2)
        engine.space.set(total: reserve, reservePercent: 100, trashPercent: 100)
        follower.assign(1, engine)
        try await follower.wait(1)
        let state = follower.end(engine)
        #expect(state.told.isEmpty)
        #expect(state.groups == [[1]])
    }
}
