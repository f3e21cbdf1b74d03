import Model
import Testing
import WebDAV

struct LockRulesTests {
    private static let now: UInt64 = 1_000_000

    private func lock(
        _ id: UInt64, _ root: String, _ scope: ActiveLock.Scope = .exclusive,
        _ reach: ActiveLock.Reach = .infinity, expires: UInt64 = now + 60_000
    ) -> ActiveLock {
        ActiveLock(
            token: StateToken(bits: Bits128(high: 0, low: id)), root: path(root),
            href: utf8(root), scope: scope, reach: reach, owner: nil, expires: expires)
    }

    private func rules(_ locks: ActiveLock...) -> LockRules {
        LockRules(locks: locks, now: Self.now)
    }

    private func token(_ id: UInt64) -> StateToken { StateToken(bits: Bits128(high: 0, low: id)) }

    // MARK: Compatibility

    /// The table of RFC 4918 section 6.1, for all places that two locks can have.
    @Test(arguments: [ActiveLock.Scope.exclusive, .shared], [ActiveLock.Scope.exclusive, .shared])
    func twoLocksOfOneResourceAreShared(held: ActiveLock.Scope, wanted: ActiveLock.Scope) {
        let goTogether = held == .shared && wanted == .shared
        for (root, reach, place, wantedReach, meet) in [
            ("/a", ActiveLock.Reach.zero, "/a", ActiveLock.Reach.zero, true),
            ("/a", .infinity, "/a", .zero, true),
            ("/a", .zero, "/a", .infinity, true),
            ("/a", .zero, "/a/b", .zero, false),
            ("/a", .zero, "/a/b", .infinity, false),
            ("/a", .infinity, "/a/b", .zero, true),
            ("/a", .infinity, "/a/b/c", .infinity, true),
            ("/a", .infinity, "/ab", .infinity, false),
            ("/a", .infinity, "/", .zero, false),
            ("/a/b", .zero, "/a", .zero, false),
            ("/", .infinity, "/a/b", .zero, true),
            ("/", .zero, "/a", .zero, false),
        ] {
            let held = lock(1, root, held, reach)
            let expected: LockRules.Grant = meet && !goTogether ? .conflict([held]) : .granted
            #expect(
                rules(held).grant(wanted, wantedReach, at: path(place)) == expected,
                "\(root) \(reach), \(place) \(wantedReach)")
        }
    }

    @Test func locksOfMembersAreInTheWayOfDeepOnes() {
        let inner = lock(1, "/a/b/c", .exclusive, .zero)
        let shared = lock(2, "/a/x", .shared, .zero)
        let rules = rules(inner, shared)
        #expect(rules.grant(.exclusive, .zero, at: path("/a")) == .granted)
        #expect(
            rules.grant(.exclusive, .infinity, at: path("/a")) == .membersConflict([inner, shared]))
        #expect(rules.grant(.shared, .infinity, at: path("/a")) == .membersConflict([inner]))
    }

    @Test func locksEndWithTheirTime() {
        let held = lock(1, "/a", expires: Self.now + 1)
        for (now, isLive) in [(Self.now, true), (Self.now + 1, false), (Self.now + 2, false)] {
            let rules = LockRules(locks: [held], now: now)
            #expect(held.isLive(at: now) == isLive)
            #expect(
                rules.grant(.exclusive, .zero, at: path("/a"))
                    == (isLive ? .conflict([held]) : .granted))
            #expect(
                rules.verdict(on: .proppatch(path("/a")), tokens: [])
                    == (isLive ? .locked([held]) : .allowed))
        }
        #expect(held.secondsLeft(at: Self.now) == 1)
        #expect(held.secondsLeft(at: Self.now + 1) == 0)
        #expect(lock(1, "/a", expires: Self.now + 2001).secondsLeft(at: Self.now) == 3)
    }

    // MARK: Refreshing, releasing

    @Test func locksAreRefreshedFromAnythingTheyCover() throws {
        let held = lock(1, "/a")
        let tree = ServedTree(base: .root, isBelowPrefix: false, authority: nil)
        func header(_ id: UInt64) throws -> IfHeader {
            try IfHeader(field: (utf8("(") + token(id).codedURL + utf8(")"))[...], in: tree)
        }
        let own = try header(1)
        let other = try header(2)
        #expect(try rules(held).refreshed(by: own, at: path("/a")) == held)
        // litmus: indirect_refresh.
        #expect(try rules(held).refreshed(by: own, at: path("/a/b")) == held)
        for (header, place) in [(other, "/a"), (own, "/c")] {
            #expect(
                condition { () throws(DAVFault) in
                    _ = try rules(held).refreshed(by: header, at: path(place))
                } == .lockTokenMatchesRequestURI)
        }
        #expect(
            status { () throws(DAVFault) in
                _ = try rules(held).refreshed(by: other, at: path("/a"))
            } == .preconditionFailed)
        #expect(
            status { () throws(DAVFault) in
                _ = try rules(held).refreshed(by: nil, at: path("/a"))
            } == .badRequest)
    }

    @Test func locksAreReleasedByTheirTokenAlone() throws {
        let held = lock(1, "/a")
        #expect(try rules(held).released(token(1), at: path("/a/b")) == held)
        for (id, place) in [(UInt64(2), "/a"), (1, "/b")] {
            #expect(
                status { () throws(DAVFault) in
                    _ = try rules(held).released(token(id), at: path(place))
                } == .conflict)
        }
    }

    @Test func locksEndWithWhatTheyProtect() {
        let locks = [lock(1, "/a"), lock(2, "/a/b"), lock(3, "/ab"), lock(4, "/")]
        let rules = LockRules(locks: locks, now: Self.now)
        #expect(rules.ended(at: path("/a")) == [locks[0], locks[1]])
        #expect(rules.ended(at: path("/a"), keepingRoot: true) == [locks[1]])
        #expect(rules.ended(at: path("/c")) == [])
    }

    // MARK: Writes

    private static let write = LockedWrite.put(path("/a/f"), exists: true)
    private static let create = LockedWrite.put(path("/a/f"), exists: false)
    private static let delete = LockedWrite.delete(path("/a/f"))

    @Test(arguments: [
        // The resource itself, and depth infinity above.
        ("/a/f", ActiveLock.Reach.zero, write, true), ("/a", .infinity, write, true),
        ("/", .infinity, write, true), ("/a", .zero, write, false), ("/a/g", .zero, write, false),
        ("/a/f/x", .zero, write, false), ("/a", .infinity, .proppatch(path("/a/f")), true),
        ("/a", .zero, .proppatch(path("/a")), true),
        // Which members a collection has (section 7.4).
        ("/a", .zero, create, true), ("/a", .zero, delete, true),
        ("/a", .zero, .mkcol(path("/a/d")), true), ("/", .zero, .mkcol(path("/a/d")), false),
        ("/a", .zero, .lockOfUnmapped(path("/a/f")), true),
        ("/a", .zero, .copy(to: path("/a/g")), true),
        ("/a", .zero, .move(from: path("/a/f"), to: path("/b/f")), true),
        ("/b", .zero, .move(from: path("/a/f"), to: path("/b/f")), true),
        ("/c", .zero, .move(from: path("/a/f"), to: path("/b/f")), false),
        // The source of a copy is only read.
        ("/b", .infinity, .copy(to: path("/a/g")), false),
        ("/a/f", .zero, .move(from: path("/a/f"), to: path("/b/f")), true),
        ("/b/f", .zero, .move(from: path("/a/f"), to: path("/b/f")), true),
    ])
    func writesNeedTheTokensOfWhatTheyChange(
        root: String, reach: ActiveLock.Reach, write: LockedWrite, isNeeded: Bool
    ) {
        for scope in [ActiveLock.Scope.exclusive, .shared] {
            let held = lock(1, root, scope, reach)
            #expect(
                rules(held).verdict(on: write, tokens: [])
                    == (isNeeded ? .locked([held]) : .allowed))
            #expect(
                rules(held).verdict(on: write, tokens: [token(2)])
                    == (isNeeded ? .locked([held]) : .allowed))
            #expect(rules(held).verdict(on: write, tokens: [token(1)]) == .allowed)
        }
    }

    @Test func oneOfSharedLocksIsEnough() {
        let locks = [lock(1, "/a", .shared), lock(2, "/a/f", .shared, .zero)]
        let rules = LockRules(locks: locks, now: Self.now)
        #expect(rules.verdict(on: Self.write, tokens: []) == .locked(locks))
        #expect(rules.verdict(on: Self.write, tokens: [token(1)]) == .allowed)
        #expect(rules.verdict(on: Self.write, tokens: [token(2)]) == .allowed)
        // That of the file does not let its name go from the collection.
        #expect(rules.verdict(on: Self.delete, tokens: [token(2)]) == .locked([locks[0]]))
    }

    @Test func eachLockedResourceNeedsAToken() {
        let collection = lock(1, "/a", .exclusive, .zero)
        let file = lock(2, "/a/f", .exclusive, .zero)
        let rules = rules(collection, file)
        #expect(rules.verdict(on: Self.delete, tokens: []) == .locked([file, collection]))
        #expect(rules.verdict(on: Self.delete, tokens: [token(1)]) == .locked([file]))
        #expect(rules.verdict(on: Self.delete, tokens: [token(2)]) == .locked([collection]))
        #expect(rules.verdict(on: Self.delete, tokens: [token(1), token(2)]) == .allowed)
    }

    @Test(arguments: [
        LockedWrite.delete(path("/a")), .copy(to: path("/a")),
        .move(from: path("/a"), to: path("/z")), .move(from: path("/z"), to: path("/a")),
    ])
    func treesThatGoNeedTheTokensOfAllLocksInside(write: LockedWrite) {
        let inner = lock(1, "/a/b/c", .exclusive, .zero)
        let other = lock(2, "/a/d", .shared, .zero)
        let beside = lock(3, "/b", .exclusive, .infinity)
        let rules = rules(inner, other, beside)
        #expect(rules.verdict(on: write, tokens: []) == .membersLocked([inner, other]))
        #expect(rules.verdict(on: write, tokens: [token(1)]) == .membersLocked([other]))
        #expect(rules.verdict(on: write, tokens: [token(1), token(2)]) == .allowed)
    }

    @Test func refusalsNameTheRootsOfTheLocks() {
        let held = lock(1, "/a")
        let fault = rules(held).verdict(on: Self.write, tokens: []).fault
        #expect(fault?.status == .locked)
        #expect(fault?.condition == .lockTokenSubmitted(hrefs: [utf8("/a")]))
        #expect(rules().verdict(on: Self.write, tokens: []).fault == nil)
        #expect([held, held, lock(2, "/b")].hrefs == [utf8("/a"), utf8("/b")])
    }
}
