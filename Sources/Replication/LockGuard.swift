package import Model

/// What a write shows of the locks at its path: each holder that takes part in its decision looks
/// at the locks that it knows of, in the same transaction. A lock is at a majority of them when it
/// is granted; so a write that was not at a majority before meets it at one holder at least.
package struct LockGuard: Hashable, Sendable {
    package var tokens: [LockToken]
    /// Whether one of the tokens is that of a shared lock which covers the path: then the others
    /// that share it are not in the way.
    package var holdsShared: Bool
    /// The coordinator's wall clock, in milliseconds since 1970.
    package var wallMilliseconds: UInt64

    package init(tokens: [LockToken], holdsShared: Bool, wallMilliseconds: UInt64) {
        self.tokens = tokens
        self.holdsShared = holdsShared
        self.wallMilliseconds = wallMilliseconds
    }

    /// Whether `lock` lets the write through.
    package func passes(_ lock: Lock) -> Bool {
        tokens.contains(lock.token) || (lock.scope == .shared && holdsShared)
            || !lock.isLive(at: wallMilliseconds)
    }
}

extension Replica {
    /// Whether a lock at the path bars a write: one that is decided, or may be.
    static func isBarred(
        _ path: StorePath, by guarding: LockGuard, _ tables: some ReplicaTables
    ) -> Bool {
        guard let register = tables.register(.locks(path)) else { return false }
        return [register.head, register.ballot?.accepted?.version].contains { version in
            version?.value.locks.locks.contains { !guarding.passes($0) } ?? false
        }
    }
}
