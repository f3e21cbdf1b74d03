package import Model

/// What a PROPFIND tells of a resource.
package struct DAVResource: Hashable, Sendable {
    /// See `ServedTree.href` and `Href.member`.
    package var href: [UInt8]
    /// The last name of its path, to display; valid UTF-8.
    package var name: [UInt8]
    package var isCollection: Bool
    package var byteCount: UInt64
    /// With its quotes; nil where there is none, as of a collection.
    package var entityTag: [UInt8]?
    package var contentType: String?
    package var created: Timestamp?
    package var modified: Timestamp?
    package var properties: [DeadProperty]
    /// Those that cover it; see `LockRules.covering`.
    package var locks: [ActiveLock]
    package var quota: Quota?

    /// What is left and what is taken of the room that the resource is in (RFC 4331).
    package struct Quota: Hashable, Sendable {
        package var availableByteCount: UInt64
        package var usedByteCount: UInt64

        package init(availableByteCount: UInt64, usedByteCount: UInt64) {
            self.availableByteCount = availableByteCount
            self.usedByteCount = usedByteCount
        }
    }

    package init(
        href: [UInt8], name: [UInt8], isCollection: Bool, byteCount: UInt64 = 0,
        entityTag: [UInt8]? = nil, contentType: String? = nil, created: Timestamp? = nil,
        modified: Timestamp? = nil, properties: [DeadProperty] = [], locks: [ActiveLock] = [],
        quota: Quota? = nil
    ) {
        self.href = href
        self.name = name
        self.isCollection = isCollection
        self.byteCount = byteCount
        self.entityTag = entityTag
        self.contentType = contentType
        self.created = created
        self.modified = modified
        self.properties = properties
        self.locks = locks
        self.quota = quota
    }

    /// Whether the property has a value here.
    func has(_ property: LiveProperty) -> Bool {
        switch property {
        case .creationDate: created != nil
        case .contentLength: !isCollection
        case .contentType: contentType != nil
        case .entityTag: entityTag != nil
        case .lastModified: modified != nil
        // One that was set goes before the path's name.
        case .displayName: !hasDisplayName
        case .lockDiscovery, .resourceType, .supportedLock: true
        case .quotaAvailableBytes, .quotaUsedBytes: quota != nil
        }
    }

    /// Whether its name to display was set.
    private var hasDisplayName: Bool {
        !properties.isEmpty && properties.contains { $0.name == DAVResource.displayName }
    }

    private static let displayName = LiveProperty.displayName.name
}
