/// A property whose value follows from the resource itself (RFC 4918 section 15, RFC 4331).
package enum LiveProperty: String, Hashable, Sendable, CaseIterable {
    case creationDate = "creationdate"
    case displayName = "displayname"
    case contentLength = "getcontentlength"
    case contentType = "getcontenttype"
    case entityTag = "getetag"
    case lastModified = "getlastmodified"
    case lockDiscovery = "lockdiscovery"
    case resourceType = "resourcetype"
    case supportedLock = "supportedlock"
    case quotaAvailableBytes = "quota-available-bytes"
    case quotaUsedBytes = "quota-used-bytes"

    package var name: XMLName { XMLName.dav(rawValue) }

    private static let byName = Dictionary(
        uniqueKeysWithValues: allCases.map { ($0.name, $0) })

    package init?(_ name: XMLName) {
        guard let known = LiveProperty.byName[name] else { return nil }
        self = known
    }

    /// Whether allprop has it: all of RFC 4918, and not the quota, which may cost something to find
    /// out (RFC 4331 sections 3 and 4).
    var isInAllProperties: Bool {
        switch self {
        case .creationDate, .displayName, .contentLength, .contentType, .entityTag,
            .lastModified, .lockDiscovery, .resourceType, .supportedLock:
            true
        case .quotaAvailableBytes, .quotaUsedBytes: false
        }
    }

    /// Whether a client cannot change it. A name to display may be set (RFC 4918 section 15.2): then
    /// it is a dead property, which goes before the name of the path.
    package var isProtected: Bool { self != .displayName }
}
