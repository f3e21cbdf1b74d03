package import Model

/// What is to become of the locks at a path. Each is decided by a ballot on the path's register,
/// and can be done again: the second time changes nothing.
package enum LockChange: Hashable, Sendable {
    case take(LockRequest)
    /// Lets a lock go on; see `LockRequest.seconds`.
    case refresh(LockToken, seconds: UInt32)
    case release(LockToken)
    /// There may be locks below a name of this directory until then.
    case trace(LockSet.Trace)
    /// Removes what is over.
    case expire
    /// These are to be dropped, as they are: whoever counts on one leaves it anew.
    case close([LockSet.Trace])
    /// Removes those that are closed still.
    case drop([LockSet.Trace])
}

/// What a change amounts to.
package enum LockDecision: Hashable, Sendable {
    case changed(LockSet)
    case unchanged(LockSet)
    /// These are in the way.
    case conflict([Lock])
    /// No lock has that token; it may be over by now.
    case notFound
    case tooMany
}

extension LockChange {
    /// The token that the change is about.
    package var token: LockToken? {
        switch self {
        case .take(let request): request.token
        case .refresh(let token, _), .release(let token): token
        case .trace, .expire, .close, .drop: nil
        }
    }

    /// - Parameters:
    ///   - set: what the register holds.
    ///   - wall: milliseconds since 1970, of a clock that is not in doubt.
    package func applied(to set: LockSet, at wall: UInt64) -> LockDecision {
        var new = set.live(at: wall)
        switch self {
        case .take(let request):
            if new[request.token] != nil { return .unchanged(set) }
            let others = new.locks.filter { !$0.isCompatible(with: request.scope) }
            guard others.isEmpty else { return .conflict(others) }
            guard new.locks.count < ReplicationLimits.locksPerPathMax,
                request.owner.count <= ReplicationLimits.lockOwnerByteCountMax
            else { return .tooMany }
            let seconds = Self.granted(request.seconds)
            new.set(
                Lock(
                    token: request.token, owner: request.owner, scope: request.scope,
                    depth: request.depth, seconds: seconds,
                    expires: wall + UInt64(seconds) * 1000, fence: .zero))
        case .refresh(let token, let asked):
            guard var lock = new[token] else { return .notFound }
            lock.seconds = Self.granted(asked)
            // Never earlier: a repeated refresh, or one by a clock that is behind, takes nothing
            // away that a client was told.
            lock.expires = max(lock.expires, wall + UInt64(lock.seconds) * 1000)
            new.set(lock)
        case .release(let token):
            guard new[token] != nil else { return .notFound }
            new.remove(token)
        case .trace(let trace): new.set(trace)
        case .expire: break
        case .close(let traces): traces.forEach { new.close($0) }
        case .drop(let traces): traces.forEach { new.drop($0) }
        }
        return new == set ? .unchanged(set) : .changed(new)
    }

    private static func granted(_ seconds: UInt32) -> UInt32 {
        min(max(seconds, 1), ReplicationLimits.lockSecondsMax)
    }
}
