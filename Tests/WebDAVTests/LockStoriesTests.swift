import Model
import Testing
import WebDAV

/// Conditions, locks and writes together, as a server uses them.
struct LockStoriesTests {
    private static let held = StateToken(bits: Bits128(high: 7, low: 1))
    private static let tree = ServedTree(base: .root, isBelowPrefix: false, authority: nil)
    private let now: UInt64 = 1000

    /// A PUT to `/f`, which is locked exclusively or not and has the tag `"e"`.
    private func put(_ field: String?, isLocked: Bool) throws -> DAVStatus {
        let lock = ActiveLock(
            token: Self.held, root: path("/f"), href: utf8("/f"), scope: .exclusive,
            reach: .zero, owner: nil, expires: 2000)
        let rules = LockRules(locks: isLocked ? [lock] : [], now: now)
        let filled = field?.replacing("TOKEN", with: text(Self.held.uri))
        let header = try filled.map { try IfHeader(field: utf8($0)[...], in: Self.tree) }
        let holds = header?.holds(of: path("/f")) { place in
            .init(entityTag: utf8("\"e\""), tokens: rules.tokens(covering: place))
        }
        if holds == false { return .preconditionFailed }
        let write = LockedWrite.put(path("/f"), exists: true)
        return rules.verdict(on: write, tokens: header?.tokens ?? []).fault?.status ?? .noContent
    }

    /// What litmus' locks expects.
    @Test(
        arguments: [
            (nil, true, DAVStatus.locked), (nil, false, .noContent),
            ("(<TOKEN>)", true, .noContent),
            // cond_put, fail_cond_put, cond_put_with_not, cond_put_corrupt_token, complex_cond_put,
            // fail_complex_cond_put, fail_cond_put_unlocked.
            ("(<TOKEN> [\"e\"])", true, .noContent),
            ("(<TOKEN> [\"x\"])", true, .preconditionFailed),
            ("(<TOKEN>) (Not <DAV:no-lock>)", true, .noContent),
            ("(<TOKENx>) (Not <DAV:no-lock>)", true, .locked),
            ("(<TOKEN> [\"e\"]) (Not <DAV:no-lock> [\"e\"])", true, .noContent),
            ("(<TOKEN> [\"x\"]) (Not <DAV:no-lock> [\"x\"])", true, .preconditionFailed),
            ("(<DAV:no-lock>)", false, .preconditionFailed),
            // A token whose lock is gone: the condition fails, unless it is one of several.
            ("(<TOKEN>)", false, .preconditionFailed),
            ("(<TOKEN>) (Not <TOKEN>)", false, .noContent),
            // Named in a list that does not hold, beside one that does.
            ("(<TOKEN> [\"x\"]) ([\"e\"])", true, .noContent), ("([\"e\"])", true, .locked),
            ("</g> (<TOKEN>) (Not <TOKEN>)", true, .noContent),
        ] as [(String?, Bool, DAVStatus)])
    func conditionalPuts(field: String?, isLocked: Bool, expected: DAVStatus) throws {
        #expect(try put(field, isLocked: isLocked) == expected)
    }

    private static let places = ["/", "/a", "/a/b", "/a/b/c", "/a/d", "/e"].map(path)

    private func randomLock(_ id: UInt64, _ rng: inout SplitMix64) -> ActiveLock {
        let root = Self.places.randomElement(using: &rng) ?? .root
        return ActiveLock(
            token: StateToken(bits: Bits128(high: 0, low: id)), root: root, href: root.bytes,
            scope: Bool.random(using: &rng) ? .shared : .exclusive,
            reach: Bool.random(using: &rng) ? .infinity : .zero, owner: nil,
            expires: UInt64.random(in: 1...40, using: &rng))
    }

    /// Whatever is taken in whatever order: a resource has one lock, or locks that all are shared
    /// (RFC 4918 section 6.1); and what is refused would have broken that.
    @Test(arguments: 1...200 as ClosedRange<UInt64>)
    func noResourceHasTwoLocksUnlessAllAreShared(seed: UInt64) {
        var rng = SplitMix64(seed: seed)
        var locks: [ActiveLock] = []
        func isSound(_ locks: [ActiveLock], _ now: UInt64) -> Bool {
            let rules = LockRules(locks: locks, now: now)
            return Self.places.allSatisfy { place in
                let covering = rules.covering(place)
                return covering.count < 2 || covering.allSatisfy { $0.scope == .shared }
            }
        }
        for now in 0..<40 as Range<UInt64> {
            let wanted = randomLock(now, &rng)
            let rules = LockRules(locks: locks, now: now)
            let grant = rules.grant(wanted.scope, wanted.reach, at: wanted.root)
            if grant == .granted { locks.append(wanted) }
            #expect(isSound(locks, now))
            if grant != .granted, wanted.isLive(at: now) {
                #expect(!isSound(locks + [wanted], now))
            }
        }
    }

    /// Who has all tokens may do anything; what is refused names a lock whose token is missing.
    @Test(arguments: 1...200 as ClosedRange<UInt64>)
    func refusalsNameWhatIsMissing(seed: UInt64) {
        var rng = SplitMix64(seed: seed)
        let locks = (0..<6).map { randomLock($0, &rng) }
        let rules = LockRules(locks: locks, now: 20)
        let source = Self.places.randomElement(using: &rng) ?? .root
        let target = Self.places.randomElement(using: &rng) ?? .root
        for write in [
            LockedWrite.put(source, exists: false), .put(source, exists: true), .delete(source),
            .mkcol(source), .proppatch(source), .copy(to: target),
            .move(from: source, to: target),
        ] {
            #expect(rules.verdict(on: write, tokens: Set(locks.map(\.token))) == .allowed)
            // Each refusal is answered with the tokens that it names, until it is allowed.
            var tokens: Set<StateToken> = []
            while true {
                switch rules.verdict(on: write, tokens: tokens) {
                case .allowed: break
                case .locked(let missing), .membersLocked(let missing):
                    #expect(!missing.isEmpty)
                    #expect(missing.allSatisfy { $0.isLive(at: 20) && !tokens.contains($0.token) })
                    if missing.isEmpty { return }
                    tokens.formUnion(missing.map(\.token))
                    continue
                }
                break
            }
        }
    }
}
