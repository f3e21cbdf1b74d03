internal import IPC
internal import Model
internal import WebDAV

/// What the store keeps of a resource for WebDAV alone.
struct DAVFacts: Equatable {
    var properties: [DeadProperty] = []
    /// Those that cover it.
    var locks: [ActiveLock] = []
}

/// Locks and dead properties: the store's data. This is where they are read.
enum DAVState {
    // MARK: Locks

    /// The locks that cover one of these paths, and those below these trees, or of their members; each once. What a write may
    /// not do the store knows itself: this is for what has to be known before. Some of them are no answer:
    /// who shows the token of one that is missing here would be refused.
    static func locks(
        covering paths: Set<StorePath>, below trees: Set<StorePath> = [],
        _ reach: LocksRequest.Reach = .below, in tree: ServedTree, _ link: StoreLink,
        completion: @escaping (Result<[ActiveLock], Problem>) -> Void
    ) {
        let all = paths.union(trees)
        let gathered = Gathered(all.count)
        for path in all {
            let request = LocksRequest(path: path, trees.contains(path) ? reach : .path)
            link.call(.locks(request)) { reply in
                gathered.left -= 1
                if case .locks(let response) = reply {
                    for lock in response.locks { gathered.locks[lock.token] = lock }
                    if !response.isComplete { gathered.problem = .tooManyLocks }
                } else {
                    gathered.problem = StoreFailure.problem(reply)
                }
                guard gathered.left == 0 else { return }
                if let problem = gathered.problem { return completion(.failure(problem)) }
                let now = DAVClock.now()
                let locks = gathered.locks.values.sorted {
                    ($0.root, $0.token) < ($1.root, $1.token)
                }
                completion(.success(locks.map { ActiveLock($0, in: tree, now: now) }))
            }
        }
    }

    private final class Gathered {
        var left: Int
        var locks: [LockToken: HeldLock] = [:]
        var problem: Problem?

        init(_ count: Int) { left = count }
    }

    // MARK: Properties

    /// All dead properties of each of these paths, in their order.
    static func properties(
        of paths: [StorePath], _ link: StoreLink,
        completion: @escaping (Result<[[DeadProperty]], Problem>) -> Void
    ) {
        properties(of: paths[...], [], link, completion)
    }

    /// As many at a time as the store answers.
    private static func properties(
        of paths: ArraySlice<StorePath>, _ found: [[DeadProperty]], _ link: StoreLink,
        _ completion: @escaping (Result<[[DeadProperty]], Problem>) -> Void
    ) {
        if paths.isEmpty { return completion(.success(found)) }
        let batch = paths.prefix(IPCLimits.propertiesPathsMax)
        link.call(.properties(PropertiesRequest(paths: Array(batch)))) { reply in
            guard case .properties(let response) = reply else {
                return completion(.failure(StoreFailure.problem(reply)))
            }
            var found = found
            do throws(Problem) {
                for bytes in response.properties { found.append(try decoded(bytes)) }
            } catch {
                return completion(.failure(error))
            }
            properties(of: paths.dropFirst(batch.count), found, link, completion)
        }
    }

    /// - Throws: 500 where a later version's form is not known here.
    static func decoded(_ bytes: [UInt8]) throws(Problem) -> [DeadProperty] {
        do throws(DecodeError) {
            return try [DeadProperty](decoding: bytes)
        } catch {
            throw Problem(
                .internalError, "properties", "The properties are kept in a form not known here.")
        }
    }
}

extension ActiveLock {
    /// - Parameter now: milliseconds since 1970.
    init(_ lock: HeldLock, in tree: ServedTree, now: UInt64) {
        self.init(
            token: StateToken(bits: lock.token.bits), root: lock.root,
            href: tree.lockHref(lock.root, isCollection: lock.depth == .infinity),
            scope: lock.scope == .exclusive ? .exclusive : .shared,
            reach: lock.depth == .zero ? .zero : .infinity,
            owner: lock.owner.isEmpty ? nil : lock.owner,
            expires: now + UInt64(lock.secondsLeft) * 1000)
    }
}

extension ServedTree {
    /// As this client names the root of a lock. What lies above the tree is the tree's root to it.
    func lockHref(_ root: StorePath, isCollection: Bool) -> [UInt8] {
        let isInside = root == base || root.isBelow(base)
        return href(isInside ? root : base, isCollection: isCollection || !isInside)
    }
}

extension Problem {
    /// As the store says it where it does not look at all of them.
    fileprivate static var tooManyLocks: Problem {
        Problem(
            RemoteError(
                .tooManyLocks, "There are more locks than one request can look at.",
                hint: "Ask for less at once."))
    }

    var isOfTooManyLocks: Bool { code == "too_many_locks" }
}
