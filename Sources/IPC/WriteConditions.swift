package import Model

/// What a request demands of the present state of a path (RFC 9110, section 13). The store checks
/// a write's conditions in the transaction of the write.
package struct WriteConditions: Message {
    /// A list of entity tags, or `*`.
    package enum Tags: Equatable, Sendable {
        case any
        /// Strong tags that can match; weak and foreign ones have been left out, so that the list
        /// may be empty: it then matches nothing.
        case digests([Digest])

        package func match(_ digest: Digest?) -> Bool {
            guard let digest else { return false }
            switch self {
            case .any: return true
            case .digests(let list): return list.contains(digest)
            }
        }
    }

    package var ifMatch: Tags?
    package var ifNoneMatch: Tags?
    /// In whole seconds since 1970, as HTTP dates are.
    package var ifUnmodifiedSince: Int64?

    package static let none = WriteConditions()

    package init(
        ifMatch: Tags? = nil, ifNoneMatch: Tags? = nil, ifUnmodifiedSince: Int64? = nil
    ) {
        self.ifMatch = ifMatch
        self.ifNoneMatch = ifNoneMatch
        self.ifUnmodifiedSince = ifUnmodifiedSince
    }

    /// Whether they hold for a path whose file has this digest and modification time; nil for
    /// both where there is no file. The order is that of RFC 9110, section 13.2.2.
    package func hold(digest: Digest?, modified: Timestamp?) -> Bool {
        if let ifMatch {
            if !ifMatch.match(digest) { return false }
        } else if let ifUnmodifiedSince, let modified {
            if modified.seconds > ifUnmodifiedSince { return false }
        }
        if let ifNoneMatch, ifNoneMatch.match(digest) { return false }
        return true
    }

    package func encode(into writer: inout ByteWriter) {
        WriteConditions.encode(ifMatch, into: &writer)
        WriteConditions.encode(ifNoneMatch, into: &writer)
        writer.write(ifUnmodifiedSince != nil)
        if let ifUnmodifiedSince { writer.write(ifUnmodifiedSince) }
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        ifMatch = try WriteConditions.tags(from: &reader)
        ifNoneMatch = try WriteConditions.tags(from: &reader)
        ifUnmodifiedSince = try reader.readBool() ? try reader.readInt64() : nil
    }

    private static func encode(_ tags: Tags?, into writer: inout ByteWriter) {
        switch tags {
        case nil: writer.write(UInt8(0))
        case .any: writer.write(UInt8(1))
        case .digests(let digests):
            precondition(digests.count <= IPCLimits.entityTagCountMax, "too many entity tags")
            writer.write(UInt8(2))
            writer.write(UInt8(digests.count))
            for digest in digests { writer.write(digest) }
        }
    }

    private static func tags(from reader: inout ByteReader) throws(DecodeError) -> Tags? {
        switch try reader.readUInt8() {
        case 0: return nil
        case 1: return .any
        case 2:
            let count = Int(try reader.readUInt8())
            guard count <= IPCLimits.entityTagCountMax else { throw .invalid("tags") }
            var digests: [Digest] = []
            for _ in 0..<count { digests.append(try reader.readDigest()) }
            return .digests(digests)
        default: throw .invalid("tags")
        }
    }
}
