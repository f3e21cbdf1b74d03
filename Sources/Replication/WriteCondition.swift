package import Model

/// What a client says of a file that it stores.
package struct FileContent: Hashable, Sendable {
    package var byteCount: UInt64
    package var digest: Digest
    package var contentType: String
    /// The client's; nil where it said none: then that of the file before it, or of the write.
    package var created: Timestamp?
    /// The client's; nil where it said none.
    package var modified: Timestamp?
    package var object: ObjectID

    package init(
        byteCount: UInt64, digest: Digest, contentType: String, created: Timestamp? = nil,
        modified: Timestamp?, object: ObjectID
    ) {
        self.byteCount = byteCount
        self.digest = digest
        self.contentType = contentType
        self.created = created
        self.modified = modified
        self.object = object
    }
}

/// Under which condition a write is done (RFC 9110 section 13.1).
package enum WriteCondition: Hashable, Sendable {
    case none
    /// `If-None-Match: *`: only where no file is; of a directory's mark, only where none is.
    case absent
    /// `If-Match: *`: only where a file is.
    case present
    /// `If-Match` with tags: only where the file's content is one of these.
    case matches([Digest])
    /// `If-None-Match` with tags: only where it is none of these.
    case differs([Digest])
    /// Only where exactly this version is the newest: the removal of what was moved.
    case version(Dot)

    /// - Parameter version: the register's newest; nil where there never was one.
    package func isMet(by version: RegisterVersion?) -> Bool {
        let digest = version?.value.facts?.digest
        return switch self {
        case .none: true
        case .version(let dot): version?.dot == dot
        case .absent: version.map { $0.value.facts == nil && !$0.value.isMark } ?? true
        case .present: digest != nil
        case .matches(let digests): digest.map { digests.contains($0) } ?? false
        case .differs(let digests): digest.map { !digests.contains($0) } ?? true
        }
    }
}
