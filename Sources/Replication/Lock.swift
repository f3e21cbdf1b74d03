package import Model

/// What a client asks for.
package struct LockRequest: Hashable, Sendable {
    package var token: LockToken
    /// The client's own words, at most `ReplicationLimits.lockOwnerByteCountMax` bytes of them.
    package var owner: [UInt8]
    package var scope: LockScope
    package var depth: LockDepth
    /// How long without a refresh; what is granted is within `ReplicationLimits.lockSeconds`.
    package var seconds: UInt32

    package init(
        token: LockToken, owner: [UInt8], scope: LockScope, depth: LockDepth, seconds: UInt32
    ) {
        self.token = token
        self.owner = owner
        self.scope = scope
        self.depth = depth
        self.seconds = seconds
    }
}

/// A lock that was granted.
package struct Lock: Hashable, Sendable {
    package var token: LockToken
    package var owner: [UInt8]
    package var scope: LockScope
    package var depth: LockDepth
    /// As granted.
    package var seconds: UInt32
    /// By the clock of who granted it, in milliseconds since 1970.
    package var expires: UInt64
    /// The clock of the version that granted it: above that of every earlier grant at the path, so
    /// that whoever is told it can refuse a holder of the past. Zero until the version is made.
    package var fence: HybridTime

    package init(
        token: LockToken, owner: [UInt8], scope: LockScope, depth: LockDepth, seconds: UInt32,
        expires: UInt64, fence: HybridTime
    ) {
        self.token = token
        self.owner = owner
        self.scope = scope
        self.depth = depth
        self.seconds = seconds
        self.expires = expires
        self.fence = fence
    }

    /// Whether the lock counts: until it is over by every clock that may decide anything.
    ///
    /// - Parameter wall: milliseconds since 1970, of a clock that is not in doubt.
    package func isLive(at wall: UInt64) -> Bool { wall <= expires + LockSet.doubtMilliseconds }

    /// Whether both may be held at one time.
    package func isCompatible(with other: LockScope) -> Bool {
        scope == .shared && other == .shared
    }
}

/// A lock and where it was taken: it may cover other paths.
package struct PlacedLock: Hashable, Sendable {
    package var path: StorePath
    package var lock: Lock

    package init(path: StorePath, lock: Lock) {
        self.path = path
        self.lock = lock
    }
}
