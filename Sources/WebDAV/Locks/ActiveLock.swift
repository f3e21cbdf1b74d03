package import Model

/// A lock that was granted, as the rules need it and as lockdiscovery shows it (RFC 4918 sections 6
/// and 14.1).
package struct ActiveLock: Hashable, Sendable {
    package enum Scope: Hashable, Sendable {
        case exclusive
        case shared
    }

    /// Whether a lock of a collection covers what is in it. There is no depth of one (section 9.10.3).
    package enum Reach: Hashable, Sendable {
        case zero
        case infinity

        /// - Parameter depth: that of a LOCK, which `Depth` has checked.
        package init(_ depth: Depth) { self = depth == .zero ? .zero : .infinity }
    }

    package var token: StateToken
    /// Where it was taken: what it covers goes by the path, not by what is there.
    package var root: StorePath
    /// As the client named the root; see `ServedTree.href`.
    package var href: [UInt8]
    package var scope: Scope
    package var reach: Reach
    /// The client's own element, as XML that stands for itself.
    package var owner: [UInt8]?
    /// Milliseconds since 1970.
    package var expires: UInt64

    package init(
        token: StateToken, root: StorePath, href: [UInt8], scope: Scope, reach: Reach,
        owner: [UInt8]?, expires: UInt64
    ) {
        self.token = token
        self.root = root
        self.href = href
        self.scope = scope
        self.reach = reach
        self.owner = owner
        self.expires = expires
    }

    /// Whether it counts at a moment, in milliseconds since 1970.
    package func isLive(at now: UInt64) -> Bool { now < expires }

    /// What is left of its time, rounded up.
    package func secondsLeft(at now: UInt64) -> UInt64 {
        now < expires ? (expires - now - 1) / 1000 + 1 : 0
    }

    /// Whether it protects the resource at `path`, itself and its members.
    package func covers(_ path: StorePath) -> Bool {
        root == path || (reach == .infinity && path.isBelow(root))
    }
}
