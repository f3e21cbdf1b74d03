import Cluster
import Model
import Replication
import Testing

/// Locks as clients see them, on a few nodes without faults.
@Suite struct LockTests {
    private func path(_ text: String) throws -> StorePath {
        try StorePath(validating: Array(text.utf8))
    }

    private func token(_ number: UInt64) -> LockToken {
        LockToken(bits: Bits128(high: 0, low: number))
    }

    private func lock(
        _ cluster: TinyCluster, _ node: String, _ path: StorePath, _ number: UInt64,
        _ scope: LockScope = .exclusive, _ depth: LockDepth = .zero, seconds: UInt32 = 60
    ) -> ClientAnswer? {
        let request = LockRequest(
            token: token(number), owner: Array(node.utf8), scope: scope, depth: depth,
            seconds: seconds)
        return cluster.ask(node, .lock(path, request, cluster.operation()))
    }

    private func isGranted(_ answer: ClientAnswer?) -> Bool {
        if case .lockGranted = answer { return true }
        return false
    }

    /// The tokens of the locks that are in the way; nil where the answer was another.
    private func inTheWay(_ answer: ClientAnswer?) -> [LockToken]? {
        if case .locked(let locks) = answer { return locks.map(\.lock.token) }
        return nil
    }

    private func discovered(
        _ cluster: TinyCluster, _ node: String, _ path: StorePath
    ) -> [LockToken]? {
        guard case .locks(let locks, _)? = cluster.ask(node, .locks(path)) else { return nil }
        return locks.map(\.lock.token)
    }

    @Test func aLockIsSeenOnAllNodesAndLetsNobodyElseIn() throws {
        let cluster = TinyCluster.three()
        let path = try path("/docs/a")
        #expect(discovered(cluster, "b", path) == [])
        #expect(isGranted(lock(cluster, "a", path, 1)))
        for node in ["a", "b", "c"] {
            #expect(discovered(cluster, node, path) == [token(1)])
            #expect(inTheWay(lock(cluster, node, path, 2)) == [token(1)])
        }
        guard
            case .lockNotFound? = cluster.ask("b", .unlock(path, token(2), cluster.operation())),
            case .unlocked? = cluster.ask("b", .unlock(path, token(1), cluster.operation()))
        else {
            Issue.record("unlocking takes the token, and no more")
            return
        }
        #expect(isGranted(lock(cluster, "c", path, 2)))
    }

    @Test func aLockSurvivesTheRestartOfEveryNode() throws {
        let cluster = TinyCluster.three()
        let path = try path("/a")
        #expect(isGranted(lock(cluster, "a", path, 1, seconds: 600)))
        for node in ["a", "b", "c"] { cluster.kill(node) }
        cluster.run(for: .seconds(5))
        cluster.add("a")
        for node in ["b", "c"] { cluster.add(node, seeds: ["a"]) }
        cluster.run(for: .seconds(10))
        #expect(discovered(cluster, "c", path) == [token(1)])
        #expect(inTheWay(lock(cluster, "b", path, 2)) == [token(1)])
    }

    @Test func aLockThatNobodyRefreshesExpires() throws {
        let cluster = TinyCluster.three()
        let path = try path("/a")
        #expect(isGranted(lock(cluster, "a", path, 1, seconds: 100)))
        cluster.run(for: .seconds(90))
        let refresh = ClientRequest.refreshLock(
            path, token(1), seconds: 100, cluster.operation())
        #expect(isGranted(cluster.ask("b", refresh)))
        cluster.run(for: .seconds(180))
        #expect(inTheWay(lock(cluster, "b", path, 2)) == [token(1)])
        cluster.run(for: .seconds(60))
        #expect(discovered(cluster, "c", path) == [])
        #expect(isGranted(lock(cluster, "b", path, 2)))
        guard
            case .lockNotFound? = cluster.ask(
                "a", .refreshLock(path, token(1), seconds: 9, cluster.operation()))
        else {
            Issue.record("the lock of before goes on")
            return
        }
    }

    @Test func aLockOfADirectoryCoversWhatIsBelow() throws {
        let cluster = TinyCluster.three()
        let directory = try path("/a/b")
        let below = try path("/a/b/c/d")
        #expect(isGranted(lock(cluster, "a", directory, 1, .exclusive, .infinity)))
        #expect(discovered(cluster, "b", below) == [token(1)])
        #expect(inTheWay(lock(cluster, "b", below, 2)) == [token(1)])
        #expect(discovered(cluster, "b", try path("/a")) == [])
        #expect(isGranted(lock(cluster, "c", try path("/a/x"), 3)))
        // With depth 0 it covers the directory alone.
        #expect(isGranted(lock(cluster, "c", try path("/e"), 4)))
        #expect(isGranted(lock(cluster, "a", try path("/e/f"), 5)))
    }

    @Test func aDirectoryIsNotLockedOverTheLocksBelow() throws {
        let cluster = TinyCluster.three()
        let below = try path("/a/b/c/d")
        #expect(isGranted(lock(cluster, "a", below, 1)))
        let answer = lock(cluster, "b", try path("/a"), 2, .exclusive, .infinity)
        #expect(inTheWay(answer) == [token(1)])
        // What was taken for the look around is given back.
        #expect(discovered(cluster, "c", try path("/a")) == [])
        #expect(isGranted(lock(cluster, "c", try path("/a"), 3, .exclusive, .zero)))
        #expect(isGranted(lock(cluster, "c", try path("/a/b"), 4, .shared, .zero)))
        guard case .unlocked? = cluster.ask("c", .unlock(below, token(1), cluster.operation()))
        else {
            Issue.record("not unlocked")
            return
        }
        #expect(isGranted(lock(cluster, "b", try path("/a/b/c"), 5, .exclusive, .infinity)))
        #expect(inTheWay(lock(cluster, "b", .root, 6, .exclusive, .infinity))?.count == 3)
    }

    /// What the clock says is no reason to tell a client that nobody has a lock.
    @Test func whileTheClockIsInDoubtALockIsStillTold() throws {
        let cluster = TinyCluster.three()
        let path = try path("/d/a")
        #expect(isGranted(lock(cluster, "b", path, 1)))
        cluster.wallShifts[cluster.id("a")] = 3_600_000
        cluster.run(for: .seconds(3))
        #expect(cluster.node("a")?.isClockInDoubt == true)
        #expect(discovered(cluster, "a", path) == [token(1)])
        guard case .locks(let below, _)? = cluster.ask("a", .locks(.root, .below)) else {
            Issue.record("no answer")
            return
        }
        #expect(below.map(\.lock.token) == [token(1)])
    }

    /// Else it stays until its time is over, and nobody has its token.
    @Test func aLockThatCannotBeCheckedIsGivenBack() throws {
        let cluster = TinyCluster(seed: 3)
        let names = ["a", "b", "c", "d", "e", "f", "g"]
        cluster.add("a")
        for name in names.dropFirst() { cluster.add(name, seeds: ["a"]) }
        cluster.run(for: .seconds(10))
        _ = cluster.ask("a", .setSetting(key: "write_policy", value: "majority"))
        _ = cluster.ask("a", .makeDirectory(try path("/first"), cluster.operation()))
        cluster.run(for: .seconds(20))
        var node = try #require(cluster.node("a"))
        let above = node.knownHolders(of: Partition(of: .root)).map(\.name)
        let others = names.filter { !above.contains($0) }
        let target = try #require(
            try (0..<1000).map { try path("/\($0)") }.first { path in
                node.knownHolders(of: Partition(of: path)).allSatisfy { others.contains($0.name) }
            })
        let holder = node.knownHolders(of: Partition(of: target))[0]
        let request = LockRequest(
            token: token(1), owner: [], scope: .exclusive, depth: .infinity, seconds: 600)
        let ticket = cluster.begin(holder.name, .lock(target, request, cluster.operation()))
        func isTaken() -> Bool {
            cluster.disks[holder]?.tables.register(.locks(target))?.head?.value.locks.locks.isEmpty
                == false
        }
        #expect(cluster.run(until: isTaken, atMost: .seconds(10)))
        #expect(cluster.answers[ticket] == nil)
        // What is above cannot be read from now on.
        cluster.isCut = { one, other in
            one == holder && above.contains(other.name)
                || other == holder && above.contains(one.name)
        }
        cluster.run(until: { cluster.answers[ticket] != nil }, atMost: .seconds(30))
        guard case .unavailable? = cluster.answers[ticket] else {
            Issue.record("\(cluster.answers[ticket].debugDescription)")
            return
        }
        cluster.isCut = { _, _ in false }
        cluster.run(for: .seconds(5))
        #expect(discovered(cluster, others.first { $0 != holder.name } ?? "", target) == [])
    }

    /// The register of a lock goes like that of a deleted file, once it is over.
    @Test func nothingIsLeftOfLocksThatAreOver() throws {
        let cluster = TinyCluster.three()
        let path = try path("/a")
        #expect(isGranted(lock(cluster, "a", path, 1, seconds: 5)))
        cluster.run(for: .seconds(320))
        for node in ["a", "b", "c"] {
            let disk = cluster.disks[cluster.id(node)]
            #expect(disk?.tables.register(.locks(path)) == nil)
        }
    }

    // MARK: Guarded writes

    private func put(
        _ cluster: TinyCluster, _ node: String, _ path: StorePath, _ tokens: [UInt64]
    ) -> ClientAnswer? {
        cluster.ask(
            node,
            .guarded(
                .put(path, cluster.content(7), .none, cluster.operation()),
                tokens: tokens.map { token($0) }))
    }

    private func isWritten(_ answer: ClientAnswer?) -> Bool {
        if case .written = answer { return true }
        return false
    }

    private func isConditionFailed(_ answer: ClientAnswer?) -> Bool {
        if case .conditionFailed = answer { return true }
        return false
    }

    @Test func aGuardedWriteTakesTheTokenOfTheLock() throws {
        let cluster = TinyCluster.three()
        let path = try path("/docs/a")
        #expect(isWritten(put(cluster, "a", path, [])))
        #expect(isGranted(lock(cluster, "a", path, 1)))
        for node in ["a", "b", "c"] {
            #expect(inTheWay(put(cluster, node, path, [])) == [token(1)])
            #expect(inTheWay(put(cluster, node, path, [2])) == [token(1)])
            #expect(isWritten(put(cluster, node, path, [1])))
        }
        let delete = ClientRequest.delete(path, .none, cluster.operation())
        #expect(inTheWay(cluster.ask("b", .guarded(delete, tokens: []))) == [token(1)])
        _ = cluster.ask("a", .unlock(path, token(1), cluster.operation()))
        // A client that counts on a lock which is gone writes nothing.
        #expect(isConditionFailed(put(cluster, "b", path, [1])))
        #expect(isWritten(put(cluster, "b", path, [])))
    }

    @Test func oneOfThoseWhoShareALockMayWrite() throws {
        let cluster = TinyCluster.three()
        let path = try path("/a")
        #expect(isGranted(lock(cluster, "a", path, 1, .shared)))
        #expect(isGranted(lock(cluster, "b", path, 2, .shared)))
        #expect(inTheWay(put(cluster, "c", path, []))?.count == 2)
        #expect(isWritten(put(cluster, "c", path, [2])))
    }

    @Test func newFilesBelowALockedDirectoryAreCovered() throws {
        let cluster = TinyCluster.three()
        let new = try path("/d/e/new")
        #expect(isGranted(lock(cluster, "a", try path("/d"), 1, .exclusive, .infinity)))
        #expect(inTheWay(put(cluster, "b", new, [])) == [token(1)])
        let make = ClientRequest.makeDirectory(try path("/d/x"), cluster.operation())
        #expect(inTheWay(cluster.ask("b", .guarded(make, tokens: []))) == [token(1)])
        #expect(isWritten(put(cluster, "b", new, [1])))
    }

    @Test func aLockOfDepthZeroKeepsNamesFromComingAndGoing() throws {
        let cluster = TinyCluster.three()
        let old = try path("/d/old")
        #expect(isWritten(put(cluster, "a", old, [])))
        #expect(isGranted(lock(cluster, "a", try path("/d"), 1)))
        #expect(isWritten(put(cluster, "b", old, [])))
        #expect(inTheWay(put(cluster, "b", try path("/d/new"), [])) == [token(1)])
        #expect(isWritten(put(cluster, "b", try path("/d/new"), [1])))
        let delete = ClientRequest.delete(old, .none, cluster.operation())
        #expect(inTheWay(cluster.ask("b", .guarded(delete, tokens: []))) == [token(1)])
    }

    @Test func aMoveTakesTheTokensOfBothItsEnds() throws {
        let cluster = TinyCluster.three()
        let source = try path("/s/a")
        let destination = try path("/t/b")
        #expect(isWritten(put(cluster, "a", source, [])))
        #expect(isGranted(lock(cluster, "a", source, 1)))
        #expect(isGranted(lock(cluster, "b", destination, 2)))
        func move(_ tokens: [UInt64]) -> ClientAnswer? {
            cluster.ask(
                "c",
                .guarded(
                    .move(source, to: destination, cluster.operation()),
                    tokens: tokens.map { token($0) }))
        }
        #expect(inTheWay(move([])) == [token(1), token(2)])
        #expect(inTheWay(move([1])) == [token(2)])
        #expect(inTheWay(move([2])) == [token(1)])
        #expect(isWritten(move([1, 2])))
        guard case .file? = cluster.ask("a", .get(destination, .checked)),
            case .notFound? = cluster.ask("a", .get(source, .checked))
        else {
            Issue.record("not moved")
            return
        }
    }
}
