/// A precondition or postcondition that failed: the child of a `DAV:error` (RFC 4918 section 16,
/// RFC 4331 section 6).
package enum DAVCondition: Hashable, Sendable {
    /// A write lacks the token of a lock; the hrefs are the locks' roots.
    case lockTokenSubmitted(hrefs: [[UInt8]])
    /// A lock was asked for that does not go with others; the hrefs are their roots.
    case noConflictingLock(hrefs: [[UInt8]])
    /// The token names no lock that covers the resource.
    case lockTokenMatchesRequestURI
    case cannotModifyProtectedProperty
    case propfindFiniteDepth
    case noExternalEntities
    case preservedLiveProperties
    case quotaNotExceeded
    case sufficientDiskSpace

    /// The local name of the element, in the namespace `DAV:`.
    package var name: String {
        switch self {
        case .lockTokenSubmitted: "lock-token-submitted"
        case .noConflictingLock: "no-conflicting-lock"
        case .lockTokenMatchesRequestURI: "lock-token-matches-request-uri"
        case .cannotModifyProtectedProperty: "cannot-modify-protected-property"
        case .propfindFiniteDepth: "propfind-finite-depth"
        case .noExternalEntities: "no-external-entities"
        case .preservedLiveProperties: "preserved-live-properties"
        case .quotaNotExceeded: "quota-not-exceeded"
        case .sufficientDiskSpace: "sufficient-disk-space"
        }
    }

    package var hrefs: [[UInt8]] {
        switch self {
        case .lockTokenSubmitted(let hrefs), .noConflictingLock(let hrefs): hrefs
        case .lockTokenMatchesRequestURI, .cannotModifyProtectedProperty, .propfindFiniteDepth,
            .noExternalEntities, .preservedLiveProperties, .quotaNotExceeded,
            .sufficientDiskSpace:
            []
        }
    }
}
