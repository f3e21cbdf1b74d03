internal import Cluster
internal import IPC
internal import Model
internal import Replication

// Locks: any node takes them, and every write, of whatever kind its client is, respects them.
extension Store {
    /// Asks for a write that no lock may be in the way of.
    /// - Parameter isPart: it is part of what was asked of a tree, for which the tokens are.
    func askToWrite(
        _ request: ClientRequest, showing tokens: [LockToken], isPart: Bool = false,
        _ answer: @escaping ClusterSide.Answer
    ) {
        askCluster(.guarded(request, tokens: tokens, isPart: isPart), answer)
    }

    func lock(_ request: LockMessage, _ reply: @escaping Reply<HeldLock>) {
        let reply = counted(reply)
        guard !engine.isReadOnly else { return reply(.failure(.readOnly)) }
        let path = request.path
        let lock = LockRequest(
            token: request.token, owner: request.owner, scope: request.scope,
            depth: request.depth, seconds: request.seconds)
        askCluster(.lock(path, lock, request.operation)) { reply(self.held($0, at: path)) }
    }

    func refreshLock(_ request: RefreshLockMessage, _ reply: @escaping Reply<HeldLock>) {
        let reply = counted(reply)
        guard !engine.isReadOnly else { return reply(.failure(.readOnly)) }
        let path = request.path
        let refresh = ClientRequest.refreshLock(
            path, request.token, seconds: request.seconds, request.operation)
        askCluster(refresh) { reply(self.held($0, at: path)) }
    }

    func unlock(_ request: UnlockMessage, _ reply: @escaping Reply<Empty>) {
        let reply = counted(reply)
        guard !engine.isReadOnly else { return reply(.failure(.readOnly)) }
        askCluster(.unlock(request.path, request.token, request.operation)) { answer in
            guard case .unlocked = answer else {
                return reply(.failure(self.failure(answer, at: request.path)))
            }
            reply(.success(Empty()))
        }
    }

    func locks(_ request: LocksRequest, _ reply: @escaping Reply<LocksResponse>) {
        let reply = counted(reply)
        askCluster(.locks(request.path, request.reach.lockReach)) { answer in
            guard case .locks(let locks, let isComplete) = answer else {
                return reply(.failure(self.failure(answer, at: request.path)))
            }
            let wall = self.clusterNow.wallMilliseconds
            var held: [HeldLock] = []
            var byteCount = 0
            for placed in locks.prefix(IPCLimits.locksMax) {
                byteCount += placed.path.bytes.count + placed.lock.owner.count
                if byteCount > StoreLimits.locksByteCountMax { break }
                held.append(HeldLock(placed, at: wall))
            }
            reply(
                .success(
                    LocksResponse(
                        locks: held, isComplete: isComplete && held.count == locks.count)))
        }
    }

    private func held(
        _ answer: ClientAnswer, at path: StorePath
    ) -> Result<HeldLock, RemoteError> {
        guard case .lockGranted(let lock, _, _) = answer else {
            return .failure(failure(answer, at: path))
        }
        return .success(
            HeldLock(PlacedLock(path: path, lock: lock), at: clusterNow.wallMilliseconds))
    }

    /// Looks before a tree is changed for locks that are in the way of any of it, so that nothing of it is
    /// changed where there are. Each of its files is looked at again by its own write: so that is all that
    /// is known where there are more locks in it than are looked at.
    func unlocked(
        _ trees: [StorePath], _ tokens: [LockToken],
        _ then: @escaping (RemoteError?) -> Void
    ) {
        guard let tree = trees.first else { return then(nil) }
        lookForLocks(at: tree, .tree, { $0.barring(tokens, in: tree) }) { error in
            if let error { return then(error) }
            self.unlocked(Array(trees.dropFirst()), tokens, then)
        }
    }

    /// The same of one path, so that a hopeless upload ends before its body.
    func unbarred(
        _ path: StorePath, _ tokens: [LockToken], _ then: @escaping (RemoteError?) -> Void
    ) {
        lookForLocks(at: path, .path, { $0.barring(tokens) }, then)
    }

    private func lookForLocks(
        at path: StorePath, _ reach: LockReach,
        _ barring: @escaping ([PlacedLock]) -> [PlacedLock],
        _ then: @escaping (RemoteError?) -> Void
    ) {
        askCluster(.locks(path, reach)) { answer in
            guard case .locks(let locks, _) = answer else {
                return then(self.failure(answer, at: path))
            }
            let barring = barring(locks)
            then(barring.isEmpty ? nil : .locked(barring, at: path))
        }
    }
}

extension LocksRequest.Reach {
    fileprivate var lockReach: LockReach {
        switch self {
        case .path: .path
        case .below: .below
        case .members: .members
        }
    }
}

extension HeldLock {
    fileprivate init(_ placed: PlacedLock, at wall: UInt64) {
        let lock = placed.lock
        let left = lock.expires > wall ? (lock.expires - wall + 999) / 1000 : 1
        self.init(
            root: placed.path, token: lock.token, owner: lock.owner, scope: lock.scope,
            depth: lock.depth, seconds: lock.seconds, secondsLeft: UInt32(clamping: left))
    }
}

extension RemoteError {
    static func locked(_ locks: [PlacedLock], at path: StorePath) -> RemoteError {
        var roots: [StorePath] = []
        for lock in locks where !roots.contains(lock.path) { roots.append(lock.path) }
        let first = roots.first ?? path
        var error = RemoteError(
            .locked, "a lock at \(first) is in the way",
            hint: "show its token, or wait until it is given back or over")
        error.paths = Array(roots.prefix(IPCLimits.errorPathsMax))
        return error
    }
}
