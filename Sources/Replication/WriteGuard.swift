import Model

/// What each holder that takes part in the decision of a write looks at first, in the same
/// transaction: what it knows may be in the way. A directory, like a lock, that was acknowledged is
/// known to a holder at least of those that the write needs. And what it keeps with the write.
package struct WriteGuard: Hashable, Sendable {
    package var locks: LockGuard?
    /// Whether a directory at the path of a file lets the write through: it was made certain that
    /// the directory is gone, which one holder alone does not know.
    package var passesDirectories: Bool
    /// The move of which the write makes the destination.
    package var move: MoveIntent?

    package init(
        locks: LockGuard? = nil, passesDirectories: Bool = false, move: MoveIntent? = nil
    ) {
        self.locks = locks
        self.passesDirectories = passesDirectories
        self.move = move
    }
}

extension ReplicaRequest {
    /// The request without its guard.
    package var plain: ReplicaRequest {
        if case .guarded(let request, _) = self { return request }
        return self
    }

    func guarded(_ guarding: WriteGuard) -> ReplicaRequest {
        if guarding.locks == nil, guarding.passesDirectories, guarding.move == nil { return self }
        return .guarded(self, guarding)
    }

    var writtenKey: RegisterKey? {
        switch self {
        case .assign(let assignment), .mint(let assignment, _): assignment.key
        case .prepare(let key, _, _), .accept(let key, _, _): key
        default: nil
        }
    }

    /// The operation that a version is made or prepared for. Those of ballots are judged by what
    /// was promised: nothing is written where a directory is known.
    private var preparedFor: OperationID? {
        switch self {
        case .assign(let assignment): assignment.operation
        case .prepare(_, let version, _): version.operation
        default: nil
        }
    }

    /// What bars the request here: `.locked` or `.isDirectory`.
    func barrier(_ tables: some ReplicaTables) -> ReplicaReply? {
        guard case .guarded(let request, let guarding) = self, let key = request.writtenKey
        else { return nil }
        if let locks = guarding.locks, Replica.isBarred(key.path, by: locks, tables) {
            return .locked
        }
        guard !guarding.passesDirectories, let operation = request.preparedFor,
            Replica.hidesFile(at: key, tables),
            // What took effect before is answered as the first time.
            tables.register(key)?.version(of: operation) == nil
        else { return nil }
        return .isDirectory
    }
}
