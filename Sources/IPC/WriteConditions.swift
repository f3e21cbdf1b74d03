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
    /// Of locks that the client holds, at most `IPCLimits.lockTokensMax`. A write without that of a lock
    /// in its way is refused whether it shows others or none; where it shows some, and no lock that
    /// covers what it changes has one of them, it counts on a lock that is over: then it fails as a
    /// precondition does.
    package var tokens: [LockToken]

    package static let none = WriteConditions()

    package init(
        ifMatch: Tags? = nil, ifNoneMatch: Tags? = nil, ifUnmodifiedSince: Int64? = nil,
        tokens: [LockToken] = []
    ) {
        self.ifMatch = ifMatch
        self.ifNoneMatch = ifNoneMatch
        self.ifUnmodifiedSince = ifUnmodifiedSince
        self.tokens = tokens
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

    /// In the first byte: tokens follow at the end.
    private static let tokensBit: UInt8 = 0x80

    package func encode(into writer: inout ByteWriter) {
        WriteConditions.encode(
            ifMatch, tokens.isEmpty ? 0 : WriteConditions.tokensBit, into: &writer)
        WriteConditions.encode(ifNoneMatch, into: &writer)
        writer.write(ifUnmodifiedSince != nil)
        if let ifUnmodifiedSince { writer.write(ifUnmodifiedSince) }
        if !tokens.isEmpty { WriteConditions.encode(tokens, into: &writer) }
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        let first = try reader.readUInt8()
        ifMatch = try WriteConditions.tags(
            first & ~WriteConditions.tokensBit, from: &reader)
        ifNoneMatch = try WriteConditions.tags(try reader.readUInt8(), from: &reader)
        ifUnmodifiedSince = try reader.readBool() ? try reader.readInt64() : nil
        let hasTokens = first & WriteConditions.tokensBit != 0
        tokens = hasTokens ? try WriteConditions.tokens(from: &reader) : []
    }

    /// Where there are none, nothing is written.
    static func encode(_ tokens: [LockToken], into writer: inout ByteWriter) {
        precondition(tokens.count <= IPCLimits.lockTokensMax, "too many tokens of locks")
        writer.write(UInt8(tokens.count))
        for token in tokens { writer.write(token) }
    }

    static func tokens(from reader: inout ByteReader) throws(DecodeError) -> [LockToken] {
        let count = Int(try reader.readUInt8())
        guard count > 0, count <= IPCLimits.lockTokensMax else { throw .invalid("tokens") }
        var tokens: [LockToken] = []
        for _ in 0..<count { tokens.append(try reader.readIdentifier()) }
        return tokens
    }

    private static func encode(
        _ tags: Tags?, _ bits: UInt8 = 0, into writer: inout ByteWriter
    ) {
        switch tags {
        case nil: writer.write(bits)
        case .any: writer.write(1 | bits)
        case .digests(let digests):
            precondition(digests.count <= IPCLimits.entityTagCountMax, "too many entity tags")
            writer.write(2 | bits)
            writer.write(UInt8(digests.count))
            for digest in digests { writer.write(digest) }
        }
    }

    private static func tags(
        _ kind: UInt8, from reader: inout ByteReader
    ) throws(DecodeError) -> Tags? {
        switch kind {
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
