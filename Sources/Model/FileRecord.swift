/// Nanoseconds since 1970-01-01T00:00:00Z, as users see them; never decides a conflict.
package struct Timestamp: Hashable, Comparable, Sendable {
    package let nanoseconds: Int64

    package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    /// Whole seconds, rounded down, as HTTP dates have them.
    package var seconds: Int64 {
        let quotient = nanoseconds / 1_000_000_000
        return nanoseconds % 1_000_000_000 < 0 ? quotient - 1 : quotient
    }

    package static func < (a: Timestamp, b: Timestamp) -> Bool { a.nanoseconds < b.nanoseconds }
}

/// What the store knows of one version of a file, without its path and its content.
package struct FileRecord: Hashable, Sendable {
    package var version: Version
    package var byteCount: UInt64
    package var digest: Digest
    package var contentType: String
    package var created: Timestamp
    package var modified: Timestamp
    package var object: ObjectID
    /// A partition whose holders had the content when the version was made: the path's own, or that of the
    /// path which it was moved, copied or restored from.
    package var home: Partition
    /// The operation that wrote it.
    package var operation: OperationID
    /// In an entry of a listing as `FileProperties.listed`.
    package var properties: FileProperties

    package init(
        version: Version, byteCount: UInt64, digest: Digest, contentType: String,
        created: Timestamp, modified: Timestamp, object: ObjectID, home: Partition,
        operation: OperationID, properties: FileProperties = .none
    ) {
        self.version = version
        self.byteCount = byteCount
        self.digest = digest
        self.contentType = contentType
        self.created = created
        self.modified = modified
        self.object = object
        self.home = home
        self.operation = operation
        self.properties = properties
    }

    /// As an entry of a listing has it.
    package var listed: FileRecord {
        var record = self
        record.properties = properties.listed
        return record
    }
}
