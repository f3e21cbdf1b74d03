import Cluster
import Model
import Replication
import Testing

/// Which locks are in the way of who changes a path, or a tree.
@Suite struct LocksInTheWayTests {
    private func placed(
        _ place: String, _ number: UInt64, _ scope: LockScope = .exclusive,
        _ depth: LockDepth = .infinity
    ) throws -> PlacedLock {
        PlacedLock(
            path: try StorePath(validating: Array(place.utf8)),
            lock: Lock(
                token: token(number), owner: [], scope: scope, depth: depth, seconds: 60,
                expires: 60_000, fence: .zero))
    }

    private func token(_ number: UInt64) -> LockToken {
        LockToken(bits: Bits128(high: 0, low: number))
    }

    private func barring(
        _ locks: [PlacedLock], _ tokens: [UInt64], in tree: String
    ) throws -> [LockToken] {
        let tree = try StorePath(validating: Array(tree.utf8))
        return locks.barring(tokens.map { token($0) }, in: tree).map(\.lock.token)
    }

    @Test func oneOfThoseWhoShareAPathIsEnoughWhereverTheirLocksWereTaken() throws {
        let locks = [try placed("/a", 1, .shared), try placed("/a/f", 2, .shared)]
        #expect(locks.barring([token(1)]).isEmpty)
        #expect(locks.barring([token(2)]).isEmpty)
        #expect(locks.barring([]).count == 2)
        #expect(try barring(locks, [1], in: "/a") == [])
        // The rest of the tree is not covered by the file's.
        #expect(try barring(locks, [2], in: "/a") == [token(1)])
        #expect(try barring(locks, [2], in: "/a/f") == [])
    }

    @Test func anExclusiveLockTakesItsOwnToken() throws {
        let locks = [try placed("/a/b", 1), try placed("/a/c/d", 2, .exclusive, .zero)]
        #expect(try barring(locks, [1], in: "/a") == [token(2)])
        #expect(try barring(locks, [2], in: "/a") == [token(1)])
        #expect(try barring(locks, [1, 2], in: "/a") == [])
    }

    /// A lock of the collection alone covers nothing in it, of those who share it too.
    @Test func aSharedLockOfADirectoryAloneIsNotEnoughForWhatIsInIt() throws {
        let locks = [try placed("/", 1, .shared), try placed("/a", 2, .shared, .zero)]
        #expect(try barring(locks, [2], in: "/a") == [token(1)])
        #expect(try barring(locks, [1], in: "/a") == [])
    }

    @Test func theNamesOfALockedDirectoryStay() throws {
        let locks = [try placed("/p", 1, .exclusive, .zero)]
        #expect(try barring(locks, [], in: "/p/d") == [token(1)])
        #expect(try barring(locks, [1], in: "/p/d") == [])
        #expect(try barring(locks, [], in: "/p/d/e") == [])
    }
}
