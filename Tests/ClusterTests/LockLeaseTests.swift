import Model
import Replication
import Testing

@testable import Cluster

/// What it costs that every write looks for locks, and that none is missed for it.
@Suite struct LockLeaseTests {
    private func path(_ text: String) throws -> StorePath {
        try StorePath(validating: Array(text.utf8))
    }

    private func token(_ number: UInt64) -> LockToken {
        LockToken(bits: Bits128(high: 0, low: number))
    }

    private func lock(
        _ cluster: TinyCluster, _ path: StorePath, _ number: UInt64, _ depth: LockDepth = .infinity
    ) -> ClientRequest {
        let request = LockRequest(
            token: token(number), owner: [], scope: .exclusive, depth: depth, seconds: 60)
        return .lock(path, request, cluster.operation())
    }

    private func put(_ cluster: TinyCluster, _ path: StorePath) -> ClientRequest {
        .put(path, cluster.content(7), .none, cluster.operation())
    }

    private func isGranted(_ answer: ClientAnswer?) -> Bool {
        if case .lockGranted = answer { return true }
        return false
    }

    private func isWritten(_ answer: ClientAnswer?) -> Bool {
        if case .written = answer { return true }
        return false
    }

    private func isLocked(_ answer: ClientAnswer?) -> Bool {
        if case .locked = answer { return true }
        return false
    }

    /// Messages between nodes that the writes of some files took.
    private func messages(
        _ cluster: TinyCluster, _ directory: String, isGuarded: Bool, count: Int = 10
    ) throws -> Int {
        func sum() -> Int {
            let kinds = ["read", "register", "prepare", "prepared", "put-entry", "list", "forward"]
            return kinds.reduce(0) { $0 + (cluster.kinds[$1] ?? 0) }
        }
        let before = sum()
        for number in 0..<count {
            let write = put(cluster, try path("\(directory)/\(number)"))
            #expect(isWritten(cluster.ask("a", isGuarded ? .guarded(write, tokens: []) : write)))
        }
        return sum() - before
    }

    @Test func whereNobodyLocksAGuardedWriteCostsNoMessagesMore() throws {
        let cluster = TinyCluster.three()
        let directory = "/a/b/c/d/e"
        _ = try messages(cluster, directory, isGuarded: false)
        let plain = try messages(cluster, directory, isGuarded: false)
        _ = cluster.ask("a", .locks(try path("/a")))
        let guarded = try messages(cluster, directory, isGuarded: true)
        #expect(guarded == plain)
    }

    /// Where locks are in use elsewhere, the root is read: a question to each other holder, and its answer.
    @Test func locksElsewhereCostAWriteOneReadHoweverDeepItIs() throws {
        let cluster = TinyCluster.three()
        let deep = "/a/b/c/d/e/f/g/h"
        _ = try messages(cluster, deep, isGuarded: false)
        let plain = try messages(cluster, deep, isGuarded: false)
        #expect(isGranted(cluster.ask("b", lock(cluster, try path("/other/x"), 1))))
        // What the ballots left to be settled.
        cluster.run(for: .seconds(10))
        let guarded = try messages(cluster, deep, isGuarded: true)
        #expect(guarded > plain)
        #expect(guarded - plain <= 10 * 4)
    }

    /// The first lock waits until no node goes by a read from before it; the next ones do not.
    @Test func onlyTheFirstLockWaits() throws {
        let cluster = TinyCluster.three()
        var began = cluster.now
        #expect(isGranted(cluster.ask("a", lock(cluster, try path("/d/x"), 1))))
        #expect(cluster.now - began >= ClusterLimits.lockLease)
        for number in 2..<6 as Range<UInt64> {
            began = cluster.now
            #expect(isGranted(cluster.ask("a", lock(cluster, try path("/d/\(number)"), number))))
            #expect(cluster.now - began < ClusterLimits.lockLease)
        }
    }

    /// A node whose clock is ahead may have found nothing where a trace is about to be over by this one.
    @Test func aTraceThatIsOverByOtherClocksMakesNoLockFaster() {
        var lease = LockLease()
        lease.rootRead(isEmpty: false, isLasting: true, begun: .zero, now: .zero)
        #expect(lease.grantTime(.seconds(10)) <= .seconds(10))
        lease.rootRead(isEmpty: false, isLasting: false, begun: .seconds(20), now: .seconds(20))
        lease.noteTrace(.seconds(21))
        #expect(lease.grantTime(.seconds(21)) > .seconds(21) + ClusterLimits.lockLease)
        #expect(!lease.isQuiet(.seconds(21)))
    }

    /// It may have gone meanwhile, and another node may have found nothing.
    @Test func aTraceThatWasSeenLongAgoMakesNoLockFaster() {
        var lease = LockLease()
        for second in [0, 200, 400] {
            let now = Duration.seconds(second)
            lease.rootRead(isEmpty: false, isLasting: true, begun: now, now: now)
        }
        #expect(lease.grantTime(.seconds(400)) <= .seconds(400))
        let later = Duration.seconds(700)
        lease.rootRead(isEmpty: false, isLasting: true, begun: later, now: later)
        #expect(lease.grantTime(later) > later + ClusterLimits.lockLease)
    }

    @Test func aLeaseIsCountedFromTheBeginningOfTheRead() {
        var lease = LockLease()
        lease.rootRead(isEmpty: true, isLasting: false, begun: .seconds(1), now: .seconds(9))
        #expect(lease.isQuiet(.milliseconds(1_400)))
        #expect(!lease.isQuiet(.milliseconds(1_500)))
        // A read that began earlier says nothing newer.
        lease.rootRead(isEmpty: true, isLasting: false, begun: .zero, now: .seconds(9))
        #expect(lease.isQuiet(.milliseconds(1_400)))
    }

    /// Writes of all nodes go on while a lock is taken; none that begins after it was granted comes through.
    @Test(arguments: ["/d", "/", "/d/e/f"])
    func noWriteThatBeginsAfterTheGrantMissesTheLock(_ locked: String) throws {
        for delay in stride(from: 0, to: 700, by: 70) {
            let cluster = TinyCluster.three()
            let target = try path("/d/e/f")
            for node in ["a", "b", "c"] {
                #expect(isWritten(cluster.ask(node, .guarded(put(cluster, target), tokens: []))))
            }
            cluster.run(for: .milliseconds(delay))
            let ticket = cluster.begin("b", lock(cluster, try path(locked), 1))
            while cluster.answers[ticket] == nil {
                let write = cluster.ask("c", .guarded(put(cluster, target), tokens: []))
                // The ballot of the lock may be in the way of its decision.
                guard case .unavailable(.contended)? = write else {
                    #expect(isWritten(write) || isLocked(write))
                    continue
                }
            }
            #expect(isGranted(cluster.answers[ticket]))
            for node in ["a", "b", "c"] {
                let write = cluster.ask(node, .guarded(put(cluster, target), tokens: []))
                #expect(isLocked(write), "\(locked) after \(delay) ms: \(node) wrote")
                guard case .locks(let locks, _)? = cluster.ask(node, .locks(target)) else {
                    Issue.record("no answer")
                    return
                }
                #expect(locks.map(\.lock.token) == [token(1)])
            }
        }
    }

    /// Else all writes of a cluster would depend on the few nodes that hold its root.
    @Test func whereNoHolderOfTheRootIsReachedWritesGoOn() throws {
        let cluster = TinyCluster(seed: 3)
        let names = ["a", "b", "c", "d", "e", "f", "g"]
        cluster.add("a")
        for name in names.dropFirst() { cluster.add(name, seeds: ["a"]) }
        cluster.run(for: .seconds(10))
        #expect(isWritten(cluster.ask("a", put(cluster, try path("/first")))))
        cluster.run(for: .seconds(20))
        var node = try #require(cluster.node("a"))
        let holders = node.knownHolders(of: Partition(of: .root)).map(\.name)
        let others = names.filter { !holders.contains($0) }
        #expect(others.count == 4)
        for name in holders { cluster.kill(name) }
        cluster.run(for: .seconds(10))
        for number in 0..<8 {
            let write = put(cluster, try path("/\(number)"))
            let began = cluster.now
            #expect(isWritten(cluster.ask(others[0], .guarded(write, tokens: []))))
            #expect(cluster.now - began < .seconds(8))
        }
    }

    @Test func locksBelowADirectoryAreToldWhereTheyAreAskedFor() throws {
        let cluster = TinyCluster.three()
        #expect(isGranted(cluster.ask("a", lock(cluster, try path("/d/e/f"), 1, .zero))))
        #expect(isGranted(cluster.ask("b", lock(cluster, try path("/d/g"), 2, .zero))))
        #expect(isGranted(cluster.ask("c", lock(cluster, try path("/x"), 3, .zero))))
        #expect(isGranted(cluster.ask("c", lock(cluster, try path("/d"), 4, .zero))))
        func tokens(_ at: String, _ reach: LockReach) throws -> [LockToken]? {
            guard
                case .locks(let locks, isComplete: true)? = cluster.ask(
                    "a", .locks(try path(at), reach))
            else { return nil }
            return locks.map(\.lock.token)
        }
        #expect(try tokens("/d", .path) == [token(4)])
        #expect(try tokens("/d", .members) == [token(4), token(2)])
        #expect(try tokens("/d", .below) == [token(4), token(1), token(2)])
        #expect(try tokens("/", .members) == [token(4), token(3)])
        #expect(try tokens("/", .below) == [token(4), token(1), token(2), token(3)])
        #expect(try tokens("/y", .below) == [])
    }

    /// A tree is changed file by file, and the token of one need not be that of another's lock.
    @Test func aPartOfATreeNeedNotBeWhatTheTokenIsFor() throws {
        let cluster = TinyCluster.three()
        #expect(isGranted(cluster.ask("a", lock(cluster, try path("/d/x"), 1, .zero))))
        let write = put(cluster, try path("/d/y"))
        guard case .conditionFailed? = cluster.ask("a", .guarded(write, tokens: [token(1)])) else {
            Issue.record("it counts on a lock that is not its own")
            return
        }
        let other = put(cluster, try path("/d/y"))
        #expect(isWritten(cluster.ask("a", .guarded(other, tokens: [token(1)], isPart: true))))
    }
}
