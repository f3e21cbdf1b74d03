import Cluster
import Dispatch
import IPC
import Model
import Posix
import Replication
import Synchronization
import Testing

@testable import StoreProcess

/// How many files a second become durable through the brain's requests and through the ledger: the
/// same files in the same run, with so many writes open that they share transactions. Printed, for
/// the machine decides; what is asserted is that all were done.
@Suite struct StoragePaceTests {
    @Test func filesOfAFewKilobytesBecomeDurable() throws {
        let count = 1000
        let ledger = try Pace.measure(.ledger, count: count)
        let brain = try Pace.measure(.brain, count: count)
        print("4 KiB files a second: ledger \(ledger), assign and commit \(brain)")
        #expect(ledger > 0 && brain > 0)
    }
}

/// One measurement: a store whose writer always has the same number of writes open.
private final class Pace: Sendable {
    enum Way { case ledger, brain }

    private struct State {
        var next: UInt64 = 0
        var left: Int
        var writer: Writer?
        var paths: [UInt64: StorePath] = [:]
    }

    private static let open = 64
    private let way: Way
    private let state: Mutex<State>
    private let done = DispatchSemaphore(value: 0)
    private let content = [UInt8](repeating: 7, count: 4096)

    private init(_ way: Way, count: Int) {
        self.way = way
        state = Mutex(State(left: count))
    }

    /// - Returns: files a second.
    static func measure(_ way: Way, count: Int) throws -> Int {
        let directory = try TemporaryDirectory()
        let pace = Pace(way, count: count)
        let engine = try Engine(
            directory.bytePath, committed: { pace.committed($0) }, found: { _ in })
        pace.state.withLock { $0.writer = engine.writer }
        let start = ContinuousClock.now
        for _ in 0..<open { pace.startNext() }
        pace.done.wait()
        let (seconds, attoseconds) = (ContinuousClock.now - start).components
        pace.state.withLock { $0.writer = nil }
        engine.end()
        return Int(Double(count) / (Double(seconds) + Double(attoseconds) / 1e18))
    }

    private func committed(_ committed: Committed) {
        for _ in committed.results { finishOne() }
        for (ticket, answer) in committed.storage {
            guard case .replica(let outcome) = answer else { continue }
            if let version = outcome.madeVersion {
                commit(version, ticket)
            } else {
                finishOne()
            }
        }
    }

    private func finishOne() {
        let isLast = state.withLock { state in
            state.left -= 1
            return state.left == 0
        }
        if isLast { done.signal() } else { startNext() }
    }

    private func startNext() {
        let (number, writer) = state.withLock { state in
            state.next += 1
            return (state.next, state.writer)
        }
        guard let path = try? StorePath(validating: "/directory/file-\(number)".utf8) else {
            return
        }
        writer?.submit(mutation(path, number), ticket: number)
    }

    private func mutation(_ path: StorePath, _ number: UInt64) -> Mutation {
        switch way {
        case .ledger:
            return .put(
                WriteRequest(
                    operation: .test(), path: path, conditions: .none, contentType: "text/plain",
                    created: nil, modified: nil, byteCount: UInt64(content.count),
                    digest: Sample.facts(1).digest), content: content)
        case .brain:
            var generator = SplitMix64(seed: number)
            var facts = Sample.facts(1)
            facts.byteCount = UInt64(content.count)
            // As objects are named that are made together.
            let shard = UInt8(truncatingIfNeeded: number / 1024)
            facts.object = ObjectID(shard: shard, using: &generator)
            let request = ReplicaRequest.assign(
                Assignment(
                    key: .file(path), value: .file(facts), operation: .test(),
                    time: HybridTime(value: number << 16)))
            state.withLock { $0.paths[number] = path }
            return .storage(
                StorageJob(
                    .replica(request), contents: [facts.object: .bytes(content)], at: .zero))
        }
    }

    private func commit(_ version: RegisterVersion, _ ticket: UInt64) {
        let (path, writer) = state.withLock { state in
            (state.paths.removeValue(forKey: ticket), state.writer)
        }
        guard let path else { return }
        let request = ReplicaRequest.commit(.file(path), version, listed: true)
        writer?.submit(
            .storage(StorageJob(.replica(request), at: .zero)), ticket: ticket)
    }
}
