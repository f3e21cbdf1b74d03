package import Model

/// What locks allow (RFC 4918 sections 6, 7 and 9). The locks given are those of the path, of what
/// is above and, where a rule says so, of what is below; those that are over are left out here.
package struct LockRules: Sendable {
    package var locks: [ActiveLock]
    /// Milliseconds since 1970.
    package var now: UInt64

    package init(locks: [ActiveLock], now: UInt64) {
        self.locks = locks.filter { $0.isLive(at: now) }
        self.now = now
    }

    /// The locks that protect the resource at `path`.
    package func covering(_ path: StorePath) -> [ActiveLock] {
        locks.filter { $0.covers(path) }
    }

    /// The tokens of `covering`, as an If header is compared with them.
    package func tokens(covering path: StorePath) -> Set<StateToken> {
        Set(covering(path).map(\.token))
    }

    // MARK: Taking, refreshing, releasing

    package enum Grant: Hashable, Sendable {
        case granted
        /// These are at the resource or above it: 423 with no-conflicting-lock.
        case conflict([ActiveLock])
        /// These are below it: a multistatus with 423 for each, and 424 for the resource (section
        /// 9.10.6).
        case membersConflict([ActiveLock])
    }

    /// Whether a lock may be taken (section 6.1, the table of section 9.10.5 and section 7.4): of two
    /// that cover one resource both have to be shared.
    ///
    /// - Parameter reach: with `.infinity` the locks below count.
    package func grant(
        _ scope: ActiveLock.Scope, _ reach: ActiveLock.Reach, at path: StorePath
    ) -> Grant {
        let others = locks.filter { $0.scope == .exclusive || scope == .exclusive }
        let here = others.filter { $0.covers(path) }
        if !here.isEmpty { return .conflict(here) }
        let below = reach == .infinity ? others.filter { $0.root.isBelow(path) } : []
        return below.isEmpty ? .granted : .membersConflict(below)
    }

    /// The lock that a LOCK without a body lets go on: one that the If header names and that covers
    /// the resource, which need not be its root (section 9.10.2).
    package func refreshed(
        by header: IfHeader?, at path: StorePath
    ) throws(DAVFault) -> ActiveLock {
        guard let header else {
            throw DAVFault(.badRequest, "A LOCK without a body refreshes a lock of an If header.")
        }
        let named = header.tokens
        guard let lock = covering(path).first(where: { named.contains($0.token) }) else {
            throw DAVFault(
                .preconditionFailed, "No lock of the resource has that token.",
                condition: .lockTokenMatchesRequestURI)
        }
        return lock
    }

    /// The lock that an UNLOCK ends (section 9.11).
    package func released(
        _ token: StateToken, at path: StorePath
    ) throws(DAVFault) -> ActiveLock {
        guard let lock = covering(path).first(where: { $0.token == token }) else {
            throw DAVFault(
                .conflict, "No lock of the resource has that token.",
                condition: .lockTokenMatchesRequestURI)
        }
        return lock
    }

    /// The locks that end with what lies at `path` and below, by DELETE, by MOVE away from it, and
    /// by COPY or MOVE onto it: they do not move along (sections 7.6, 9.6, 9.9).
    ///
    /// - Parameter keepingRoot: a lock of the path itself stays, as that of a destination does that
    ///   is overwritten by who holds it.
    package func ended(at path: StorePath, keepingRoot: Bool = false) -> [ActiveLock] {
        locks.filter { $0.root.isBelow(path) || ($0.root == path && !keepingRoot) }
    }

    // MARK: Writes

    package enum Verdict: Hashable, Sendable {
        case allowed
        /// These cover what the request is about: 423 with lock-token-submitted.
        case locked([ActiveLock])
        /// These are of members of a collection that would go: a multistatus (section 9.6.1).
        case membersLocked([ActiveLock])
    }

    /// Whether a write may be done by who shows these tokens. Whose they are is not judged here.
    package func verdict(on write: LockedWrite, tokens: Set<StateToken>) -> Verdict {
        var missing: [ActiveLock] = []
        for path in write.resources {
            let covering = covering(path)
            // Of shared locks one is enough (section 6.2).
            if !covering.isEmpty, !covering.contains(where: { tokens.contains($0.token) }) {
                missing += covering.filter { !missing.contains($0) }
            }
        }
        if !missing.isEmpty { return .locked(missing) }
        for tree in write.trees {
            for lock in locks where lock.root.isBelow(tree) && !missing.contains(lock) {
                let covering = covering(lock.root)
                if !covering.contains(where: { tokens.contains($0.token) }) {
                    missing.append(lock)
                }
            }
        }
        return missing.isEmpty ? .allowed : .membersLocked(missing)
    }
}

extension LockRules.Verdict {
    /// The answer where all of it is refused at once.
    package var fault: DAVFault? {
        switch self {
        case .allowed: nil
        case .locked(let locks), .membersLocked(let locks):
            DAVFault(
                .locked, "The resource is locked.",
                condition: .lockTokenSubmitted(hrefs: locks.hrefs))
        }
    }
}

extension [ActiveLock] {
    /// Their roots, each once.
    package var hrefs: [[UInt8]] {
        var seen: Set<[UInt8]> = []
        return map(\.href).filter { seen.insert($0).inserted }
    }
}
