package import Model

/// A version of a file that is kept, or the newest one.
package struct HistoryEntry: Equatable, Sendable {
    package var facts: FileFacts
    /// When it was overwritten, deleted, or lost a conflict; nil of the newest.
    package var supersededAt: HybridTime?
    /// Whether it lost against a version whose writer did not know it.
    package var isConflict: Bool

    package init(facts: FileFacts, supersededAt: HybridTime?, isConflict: Bool) {
        self.facts = facts
        self.supersededAt = supersededAt
        self.isConflict = isConflict
    }

    func encode(into writer: inout ByteWriter) {
        facts.encode(into: &writer)
        writer.write(supersededAt?.value ?? 0)
        writer.write(isConflict)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        facts = try FileFacts(from: &reader)
        let time = try reader.readUInt64()
        supersededAt = time == 0 ? nil : HybridTime(value: time)
        isConflict = try reader.readBool()
    }
}

/// `history`: what was at a path.
package struct HistoryRequest: Message {
    package var path: StorePath

    package init(path: StorePath) { self.path = path }

    package func encode(into writer: inout ByteWriter) { writer.write(path) }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        path = try reader.readPath()
    }
}

/// The answer to `history`, newest first; of at most `IPCLimits.historyMax` versions.
package struct HistoryResponse: Message {
    package var entries: [HistoryEntry]

    package init(entries: [HistoryEntry]) { self.entries = entries }

    package func encode(into writer: inout ByteWriter) {
        precondition(entries.count <= IPCLimits.historyMax, "a history over its limit")
        writer.write(UInt16(entries.count))
        for entry in entries { entry.encode(into: &writer) }
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        let count = try reader.readUInt16()
        guard count <= UInt16(IPCLimits.historyMax) else { throw .invalid("count") }
        entries = []
        for _ in 0..<count { entries.append(try HistoryEntry(from: &reader)) }
    }
}

/// `trash`: files that are at no path any more and can be had back, by path.
package struct TrashRequest: Message {
    /// A path and what is below it; the root: everything.
    package var directory: StorePath
    /// Behind this path; nil: from the beginning.
    package var after: StorePath?
    package var limit: UInt32

    package init(directory: StorePath, after: StorePath?, limit: UInt32) {
        self.directory = directory
        self.after = after
        self.limit = limit
    }

    package func encode(into writer: inout ByteWriter) {
        writer.write(directory)
        writer.write(after != nil)
        if let after { writer.write(after) }
        writer.write(limit)
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        directory = try reader.readPath()
        after = try reader.readBool() ? try reader.readPath() : nil
        limit = try reader.readUInt32()
    }
}

/// The answer to `trash`: of each path the version that would come back.
package struct TrashResponse: Message {
    package struct Entry: Equatable, Sendable {
        package var path: StorePath
        package var version: HistoryEntry

        package init(path: StorePath, version: HistoryEntry) {
            self.path = path
            self.version = version
        }
    }

    package var entries: [Entry]
    package var hasMore: Bool
    /// Whether enough nodes answered to be sure that nothing is left out.
    package var isComplete: Bool

    package init(entries: [Entry], hasMore: Bool, isComplete: Bool) {
        self.entries = entries
        self.hasMore = hasMore
        self.isComplete = isComplete
    }

    package func encode(into writer: inout ByteWriter) {
        precondition(entries.count <= IPCLimits.listingPageCountMax, "a page over its limit")
        writer.write(UInt16(entries.count))
        for entry in entries {
            writer.write(entry.path)
            entry.version.encode(into: &writer)
        }
        writer.write(hasMore)
        writer.write(isComplete)
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        let count = try reader.readUInt16()
        guard count <= UInt16(IPCLimits.listingPageCountMax) else { throw .invalid("count") }
        entries = []
        for _ in 0..<count {
            entries.append(
                Entry(path: try reader.readPath(), version: try HistoryEntry(from: &reader)))
        }
        hasMore = try reader.readBool()
        isComplete = try reader.readBool()
    }
}

/// `purge`: contents that nobody wants back; answered by `Empty`.
package enum PurgeRequest: Message {
    /// These versions of a path; none named: all that are kept of it.
    case versions(StorePath, [Dot])
    /// Everything that is in the trash now, on all nodes.
    case trash
    /// What is in the trash at a path and below it.
    case trashed(StorePath)

    package func encode(into writer: inout ByteWriter) {
        switch self {
        case .versions(let path, let dots):
            precondition(dots.count <= IPCLimits.historyMax, "too many versions")
            writer.write(UInt8(1))
            writer.write(path)
            writer.write(UInt16(dots.count))
            for dot in dots {
                writer.write(dot.disk)
                writer.write(dot.sequence)
            }
        case .trash: writer.write(UInt8(2))
        case .trashed(let path):
            writer.write(UInt8(3))
            writer.write(path)
        }
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        switch try reader.readUInt8() {
        case 1:
            let path = try reader.readPath()
            let count = try reader.readUInt16()
            guard count <= UInt16(IPCLimits.historyMax) else { throw .invalid("count") }
            var dots: [Dot] = []
            for _ in 0..<count {
                dots.append(
                    Dot(disk: try reader.readIdentifier(), sequence: try reader.readUInt64()))
            }
            self = .versions(path, dots)
        case 2: self = .trash
        case 3: self = .trashed(try reader.readPath())
        default: throw .invalid("purge")
        }
    }
}

/// `transfer`: contents that are stored already get another name, or an old one again; answered as a
/// write is.
package struct TransferRequest: Message {
    package enum Kind: Equatable, Sendable {
        /// Of a file, or of a directory with all that is in it.
        case move(to: StorePath, overwrite: Bool)
        case copy(to: StorePath, overwrite: Bool)
        /// A kept version becomes the file again; nil: the newest that is kept.
        case restore(Dot?)
    }

    package var operation: OperationID
    package var path: StorePath
    package var kind: Kind
    /// The client wrote a slash at the end of the source: only a directory will do.
    package var directoryOnly: Bool
    /// Of locks, as `WriteConditions.tokens`.
    package var tokens: [LockToken]

    package init(
        operation: OperationID, path: StorePath, kind: Kind, directoryOnly: Bool = false,
        tokens: [LockToken] = []
    ) {
        self.operation = operation
        self.path = path
        self.kind = kind
        self.directoryOnly = directoryOnly
        self.tokens = tokens
    }

    /// In the byte of the kind: tokens follow at the end.
    private static let tokensBit: UInt8 = 0x80

    package func encode(into writer: inout ByteWriter) {
        writer.write(operation)
        writer.write(path)
        let bits = tokens.isEmpty ? 0 : TransferRequest.tokensBit
        switch kind {
        case .move(let destination, let overwrite):
            writer.write(1 | bits)
            writer.write(destination)
            writer.write(overwrite)
        case .copy(let destination, let overwrite):
            writer.write(2 | bits)
            writer.write(destination)
            writer.write(overwrite)
        case .restore(let dot):
            writer.write((dot == nil ? 3 : 4) | bits)
            if let dot {
                writer.write(dot.disk)
                writer.write(dot.sequence)
            }
        }
        writer.write(directoryOnly)
        if !tokens.isEmpty { WriteConditions.encode(tokens, into: &writer) }
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        operation = try reader.readIdentifier()
        path = try reader.readPath()
        let first = try reader.readUInt8()
        switch first & ~TransferRequest.tokensBit {
        case 1: kind = .move(to: try reader.readPath(), overwrite: try reader.readBool())
        case 2: kind = .copy(to: try reader.readPath(), overwrite: try reader.readBool())
        case 3: kind = .restore(nil)
        case 4:
            kind = .restore(
                Dot(disk: try reader.readIdentifier(), sequence: try reader.readUInt64()))
        default: throw .invalid("transfer")
        }
        directoryOnly = try reader.readBool()
        let hasTokens = first & TransferRequest.tokensBit != 0
        tokens = hasTokens ? try WriteConditions.tokens(from: &reader) : []
    }
}
