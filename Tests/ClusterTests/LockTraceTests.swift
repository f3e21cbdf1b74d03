import Cluster
import Model
import Replication
import Testing

/// A directory goes on to be usable however many names in it were locked, and no lock is missed for it.
@Suite struct LockTraceTests {
    private func path(_ text: String) throws -> StorePath {
        try StorePath(validating: Array(text.utf8))
    }

    private func token(_ number: UInt64) -> LockToken {
        LockToken(bits: Bits128(high: 0, low: number))
    }

    private func lock(
        _ cluster: TinyCluster, _ path: StorePath, _ number: UInt64, _ depth: LockDepth = .zero,
        seconds: UInt32 = 600
    ) -> ClientRequest {
        let request = LockRequest(
            token: token(number), owner: [], scope: .exclusive, depth: depth, seconds: seconds)
        return .lock(path, request, cluster.operation())
    }

    private func take(
        _ cluster: TinyCluster, _ node: String, _ text: String, _ number: UInt64,
        _ depth: LockDepth = .zero
    ) throws {
        let answer = cluster.ask(node, lock(cluster, try path(text), number, depth))
        guard case .lockGranted? = answer else {
            Issue.record("\(text): \(answer.debugDescription)")
            return
        }
    }

    private func release(
        _ cluster: TinyCluster, _ node: String, _ text: String, _ number: UInt64
    ) throws {
        let unlock = ClientRequest.unlock(try path(text), token(number), cluster.operation())
        guard case .unlocked? = cluster.ask(node, unlock) else {
            Issue.record("\(text): not unlocked")
            return
        }
    }

    /// Three nodes that clear traces where there are so many in a directory.
    private func three(clearing count: Int) -> TinyCluster {
        let cluster = TinyCluster(seed: 1)
        for name in ["a", "b", "c"] {
            cluster.add(name, seeds: name == "a" ? [] : ["a"]) { $0.lockTracesCleared = count }
        }
        cluster.run(for: .seconds(5))
        return cluster
    }

    private func below(_ cluster: TinyCluster, _ text: String) throws -> [LockToken]? {
        guard
            case .locks(let locks, isComplete: true)? = cluster.ask(
                "c", .locks(try path(text), .below))
        else { return nil }
        return locks.map(\.lock.token)
    }

    private func traces(_ cluster: TinyCluster, _ text: String) throws -> Int {
        let register = cluster.disks[cluster.id("a")]?.tables.register(.locks(try path(text)))
        return register?.head?.value.locks.traces.count ?? 0
    }

    @Test func aDirectoryInWhichManyFilesWereLockedOneAfterTheOtherStaysUsable() throws {
        let cluster = TinyCluster.three()
        let nodes = ["a", "b", "c"]
        for number in 0..<UInt64(ReplicationLimits.lockTracesMax + 44) {
            let node = nodes[Int(number % 3)]
            try take(cluster, node, "/d/\(number)", number)
            try release(cluster, node, "/d/\(number)", number)
        }
        #expect(try traces(cluster, "/d") <= ClusterLimits.lockTracesCleared)
        #expect(try below(cluster, "/d") == [])
        #expect(try below(cluster, "/") == [])
        try take(cluster, "b", "/d", 1_000, .infinity)
        try release(cluster, "b", "/d", 1_000)
    }

    /// Each of them has a trace itself, which goes first.
    @Test func soDoesOneWithManyDirectoriesInWhichFilesWereLocked() throws {
        let cluster = three(clearing: 12)
        for number in 0..<60 as Range<UInt64> {
            for name in ["x", "y"] {
                try take(cluster, "a", "/d/e/\(number)/\(name)", number)
                try release(cluster, "a", "/d/e/\(number)/\(name)", number)
            }
        }
        #expect(try traces(cluster, "/d/e") <= 12)
        #expect(try below(cluster, "/") == [])
        // The root keeps one, by which nodes know that somebody uses locks.
        #expect(try traces(cluster, "/") == 1)
    }

    @Test func aLockThatIsHeldKeepsItsTrace() throws {
        let cluster = three(clearing: 8)
        let held = ["/d/held", "/d/e/f/held", "/d/g/held"]
        for (number, text) in held.enumerated() {
            try take(cluster, "b", text, UInt64(900 + number))
        }
        for number in 0..<60 as Range<UInt64> {
            try take(cluster, "a", "/d/\(number)", number)
            try release(cluster, "c", "/d/\(number)", number)
        }
        #expect(try below(cluster, "/d") == [token(901), token(902), token(900)])
        #expect(try below(cluster, "/") == [token(901), token(902), token(900)])
        let answer = cluster.ask("c", lock(cluster, try path("/d"), 1_000, .infinity))
        guard case .locked(let locks)? = answer else {
            Issue.record("\(answer.debugDescription)")
            return
        }
        #expect(locks.count == 3)
        #expect(try traces(cluster, "/d") <= 8)
    }

    /// Locks are taken below just those names whose traces are about to go.
    @Test func noLockIsMissedThatIsTakenWhileTracesGo() throws {
        for delay in 0..<80 {
            let cluster = three(clearing: 3)
            for number in 0..<3 as Range<UInt64> {
                try take(cluster, "a", "/d/\(number)/x", number)
                try release(cluster, "a", "/d/\(number)/x", number)
            }
            // Which clears what is left of those.
            let clearing = cluster.begin("a", lock(cluster, try path("/d/new"), 100))
            cluster.run(for: .milliseconds(delay))
            let others = try ["/d/0/x", "/d/1/y", "/d/2"].enumerated().map { index, text in
                cluster.begin("b", lock(cluster, try path(text), 200 + UInt64(index)))
            }
            let all = [clearing] + others
            cluster.run(
                until: { all.allSatisfy { cluster.answers[$0] != nil } }, atMost: .seconds(30))
            var granted: [LockToken] = []
            for ticket in all {
                guard case .lockGranted(let lock, _, _)? = cluster.answers[ticket] else {
                    Issue.record(
                        "after \(delay) ms: \(cluster.answers[ticket].debugDescription)")
                    continue
                }
                granted.append(lock.token)
            }
            #expect(try below(cluster, "/d").map { Set($0) } == Set(granted), "after \(delay) ms")
        }
    }

    /// The node that takes a lock has seen the trace, and hears nothing while it goes.
    @Test func aLockThatIsSlowFindsThatItsTraceIsGone() throws {
        var goneCount = 0
        for delay in 0..<16 {
            let cluster = three(clearing: 100)
            _ = cluster.ask("a", .setSetting(key: "write_policy", value: "majority"))
            cluster.run(for: .seconds(5))
            try take(cluster, "a", "/d/x", 1)
            try release(cluster, "a", "/d/x", 1)
            let ticket = cluster.begin("b", lock(cluster, try path("/d/x"), 5))
            cluster.run(for: .milliseconds(delay))
            let slow = cluster.id("b")
            cluster.isCut = { one, other in one == slow || other == slow }
            _ = cluster.ask("a", .clearTraces(try path("/d"), budget: 64))
            if try traces(cluster, "/d") == 0 { goneCount += 1 }
            cluster.isCut = { _, _ in false }
            cluster.run(until: { cluster.answers[ticket] != nil }, atMost: .seconds(30))
            guard case .lockGranted? = cluster.answers[ticket] else {
                Issue.record("after \(delay) ms: \(cluster.answers[ticket].debugDescription)")
                continue
            }
            #expect(try below(cluster, "/d") == [token(5)], "after \(delay) ms")
        }
        #expect(goneCount > 0)
    }

    /// Names of more than there may be traces: what is told of them says that it is not all.
    @Test func whereMoreIsLockedThanIsLookedAtTheAnswerSaysSo() throws {
        let cluster = TinyCluster.three()
        for number in 0...UInt64(ReplicationLimits.lockTracesMax) {
            try take(cluster, "a", "/d/\(number)", number)
        }
        guard
            case .locks(let locks, isComplete: false)? = cluster.ask(
                "b", .locks(try path("/d"), .below)),
            case .locks(_, isComplete: false)? = cluster.ask("b", .locks(try path("/d"), .members))
        else {
            Issue.record("not known to be incomplete")
            return
        }
        #expect(locks.count == ReplicationLimits.lockTracesMax)
        guard
            case .tooManyLocks? = cluster.ask(
                "c", lock(cluster, try path("/d"), 1_000, .infinity))
        else {
            Issue.record("locked over locks that nobody looked at")
            return
        }
        // It was given back.
        guard case .locks(let own, _)? = cluster.ask("b", .locks(try path("/d"))) else { return }
        #expect(own.isEmpty)
    }
}
