package import Model

/// What the gateway needs to know of a file to serve it.
package struct FileFacts: Message {
    package var byteCount: UInt64
    package var digest: Digest
    package var contentType: String
    package var created: Timestamp
    package var modified: Timestamp
    package var dot: Dot
    package var time: HybridTime
    /// Only where they were asked for; see `LookupRequest` and `ListRequest`.
    package var properties: FileProperties

    package init(
        byteCount: UInt64, digest: Digest, contentType: String, created: Timestamp,
        modified: Timestamp, dot: Dot, time: HybridTime, properties: FileProperties = .none
    ) {
        self.byteCount = byteCount
        self.digest = digest
        self.contentType = contentType
        self.created = created
        self.modified = modified
        self.dot = dot
        self.time = time
        self.properties = properties
    }

    package init(_ record: FileRecord, withProperties: Bool = false) {
        self.init(
            byteCount: record.byteCount, digest: record.digest, contentType: record.contentType,
            created: record.created, modified: record.modified, dot: record.version.dot,
            time: record.version.time, properties: withProperties ? record.properties : .none)
    }

    /// The version's name in the API, as `Version.name`.
    package var versionName: String { "\(dot.disk.hex).\(dot.sequence)" }

    package func encode(into writer: inout ByteWriter) {
        writer.write(byteCount)
        writer.write(digest)
        properties.encode(contentType: contentType, into: &writer)
        writer.write(created.nanoseconds)
        writer.write(modified.nanoseconds)
        writer.write(dot.disk)
        writer.write(dot.sequence)
        writer.write(time.value)
        properties.encodeTail(into: &writer)
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        byteCount = try reader.readUInt64()
        digest = try reader.readDigest()
        let (contentType, announced) = try FileProperties.contentType(
            max: IPCLimits.contentTypeByteCountMax, from: &reader)
        self.contentType = contentType
        created = Timestamp(nanoseconds: try reader.readInt64())
        modified = Timestamp(nanoseconds: try reader.readInt64())
        dot = Dot(disk: try reader.readIdentifier(), sequence: try reader.readUInt64())
        time = HybridTime(value: try reader.readUInt64())
        properties = try FileProperties(announced, from: &reader)
    }
}

extension ByteReader {
    mutating func readPath() throws(DecodeError) -> StorePath {
        do {
            return try StorePath(validating: try readRun(max: StorePath.byteCountMax))
        } catch let error as DecodeError {
            throw error
        } catch {
            throw .invalid("path")
        }
    }

    /// A time that a client gave. The first second of the 64 bits is left out: it has no whole
    /// seconds below it.
    mutating func readTimestamp() throws(DecodeError) -> Timestamp? {
        guard try readBool() else { return nil }
        let nanoseconds = try readInt64()
        guard nanoseconds >= Int64.min + 1_000_000_000 else { throw .invalid("time") }
        return Timestamp(nanoseconds: nanoseconds)
    }
}

extension ByteWriter {
    mutating func write(_ path: StorePath) { writeRun(path.bytes) }

    mutating func write(_ time: Timestamp?) {
        write(time != nil)
        if let time { write(time.nanoseconds) }
    }
}

/// What a PUT says of the file, small or large.
package struct WriteRequest: Message {
    package var operation: OperationID
    package var path: StorePath
    package var conditions: WriteConditions
    package var contentType: String
    /// Nil: the time of the write, or what the file before it had.
    package var created: Timestamp?
    /// Nil: the time of the write.
    package var modified: Timestamp?
    package var byteCount: UInt64
    package var digest: Digest

    package init(
        operation: OperationID, path: StorePath, conditions: WriteConditions, contentType: String,
        created: Timestamp?, modified: Timestamp?, byteCount: UInt64, digest: Digest
    ) {
        self.operation = operation
        self.path = path
        self.conditions = conditions
        self.contentType = contentType
        self.created = created
        self.modified = modified
        self.byteCount = byteCount
        self.digest = digest
    }

    package func encode(into writer: inout ByteWriter) {
        writer.write(operation)
        writer.write(path)
        conditions.encode(into: &writer)
        writer.writeText(contentType)
        writer.write(created)
        writer.write(modified)
        writer.write(byteCount)
        writer.write(digest)
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        operation = try reader.readIdentifier()
        path = try reader.readPath()
        conditions = try WriteConditions(from: &reader)
        contentType = try reader.readText(max: IPCLimits.contentTypeByteCountMax)
        created = try reader.readTimestamp()
        modified = try reader.readTimestamp()
        byteCount = try reader.readUInt64()
        digest = try reader.readDigest()
    }
}

/// `put`: a whole small file. `commitUpload` is a `WriteRequest` alone: its content is staged.
package struct PutRequest: Message {
    package var write: WriteRequest
    package var content: [UInt8]

    package init(write: WriteRequest, content: [UInt8]) {
        self.write = write
        self.content = content
    }

    package func encode(into writer: inout ByteWriter) {
        write.encode(into: &writer)
        writer.writeRun(content)
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        write = try WriteRequest(from: &reader)
        content = try reader.readRun(max: IPCLimits.inlineContentByteCountMax)
        guard write.byteCount == UInt64(content.count) else { throw .invalid("size") }
    }
}

/// The answer to every write: `put`, `commitUpload`, `delete`, `makeDirectory`.
package struct WriteResponse: Message {
    package enum Outcome: UInt8, Sendable {
        case created = 1
        case replaced = 2
        case deleted = 3
        case directoryMade = 4
        case directoryExisted = 5
    }

    package var outcome: Outcome
    /// The version written; for a deletion, the deletion's own.
    package var dot: Dot
    package var time: HybridTime
    /// On how many disks the write is durable.
    package var copies: UInt8
    /// The directory's entry is not durable yet.
    package var isListingPending = false
    /// The client's condition was decided among the reachable holders alone.
    package var isDecidedInReach = false

    package init(outcome: Outcome, dot: Dot, time: HybridTime, copies: UInt8) {
        self.outcome = outcome
        self.dot = dot
        self.time = time
        self.copies = copies
    }

    // What is rarely to be said stands in the outcome's upper bits: results that were stored without
    // them stay what they were.
    private static let listingPendingBit: UInt8 = 0x80
    private static let decidedInReachBit: UInt8 = 0x40

    package var versionName: String { "\(dot.disk.hex).\(dot.sequence)" }

    package func encode(into writer: inout ByteWriter) {
        var first = outcome.rawValue
        if isListingPending { first |= WriteResponse.listingPendingBit }
        if isDecidedInReach { first |= WriteResponse.decidedInReachBit }
        writer.write(first)
        writer.write(dot.disk)
        writer.write(dot.sequence)
        writer.write(time.value)
        writer.write(copies)
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        let first = try reader.readUInt8()
        let bits = WriteResponse.listingPendingBit | WriteResponse.decidedInReachBit
        guard let outcome = Outcome(rawValue: first & ~bits) else { throw .invalid("outcome") }
        self.outcome = outcome
        isListingPending = first & WriteResponse.listingPendingBit != 0
        isDecidedInReach = first & WriteResponse.decidedInReachBit != 0
        dot = Dot(disk: try reader.readIdentifier(), sequence: try reader.readUInt64())
        time = HybridTime(value: try reader.readUInt64())
        copies = try reader.readUInt8()
    }
}

/// `beginUpload`: answered by `Empty` with a descriptor of an empty staging file, open for
/// writing. Asked again for the same operation (after the store's restart) it answers with a
/// descriptor of the same file.
package struct BeginUploadRequest: Message {
    package var operation: OperationID
    package var path: StorePath
    /// Checked early, so that a hopeless upload ends before its body; checked again at the commit.
    package var conditions: WriteConditions
    /// What the client announced; nil for a chunked body.
    package var byteCount: UInt64?

    package init(
        operation: OperationID, path: StorePath, conditions: WriteConditions, byteCount: UInt64?
    ) {
        self.operation = operation
        self.path = path
        self.conditions = conditions
        self.byteCount = byteCount
    }

    package func encode(into writer: inout ByteWriter) {
        writer.write(operation)
        writer.write(path)
        conditions.encode(into: &writer)
        writer.write(byteCount != nil)
        if let byteCount { writer.write(byteCount) }
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        operation = try reader.readIdentifier()
        path = try reader.readPath()
        conditions = try WriteConditions(from: &reader)
        byteCount = try reader.readBool() ? try reader.readUInt64() : nil
    }
}

/// `abortUpload` (one) and `claimUploads` (all that this gateway has open, sent first after a
/// reconnect), both notices.
package struct OperationList: Message {
    package var operations: [OperationID]

    package init(operations: [OperationID]) { self.operations = operations }

    package func encode(into writer: inout ByteWriter) {
        precondition(operations.count <= IPCLimits.listCountMax, "too many operations")
        writer.write(UInt32(operations.count))
        for operation in operations { writer.write(operation) }
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        operations = []
        for _ in 0..<(try reader.readCount()) { operations.append(try reader.readIdentifier()) }
    }
}

/// `delete`: a file, or a directory (empty unless `recursive`).
package struct DeleteRequest: Message {
    package var operation: OperationID
    package var path: StorePath
    package var conditions: WriteConditions
    package var recursive: Bool
    /// The client wrote a slash at the end: only a directory will do.
    package var directoryOnly: Bool

    package init(
        operation: OperationID, path: StorePath, conditions: WriteConditions, recursive: Bool,
        directoryOnly: Bool
    ) {
        self.operation = operation
        self.path = path
        self.conditions = conditions
        self.recursive = recursive
        self.directoryOnly = directoryOnly
    }

    package func encode(into writer: inout ByteWriter) {
        writer.write(operation)
        writer.write(path)
        conditions.encode(into: &writer)
        writer.write(recursive)
        writer.write(directoryOnly)
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        operation = try reader.readIdentifier()
        path = try reader.readPath()
        conditions = try WriteConditions(from: &reader)
        recursive = try reader.readBool()
        directoryOnly = try reader.readBool()
    }
}

/// `makeDirectory`: marks a directory, and with it its ancestors exist.
package struct MakeDirectoryRequest: Message {
    package var operation: OperationID
    package var path: StorePath
    /// Of locks, as `WriteConditions.tokens`: at the end, and not there where there are none.
    package var tokens: [LockToken]

    package init(operation: OperationID, path: StorePath, tokens: [LockToken] = []) {
        self.operation = operation
        self.path = path
        self.tokens = tokens
    }

    package func encode(into writer: inout ByteWriter) {
        writer.write(operation)
        writer.write(path)
        if !tokens.isEmpty { WriteConditions.encode(tokens, into: &writer) }
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        operation = try reader.readIdentifier()
        path = try reader.readPath()
        tokens = reader.isAtEnd ? [] : try WriteConditions.tokens(from: &reader)
    }
}

/// `list`: one page of a directory, sorted by the names' bytes.
package struct ListRequest: Message {
    package var path: StorePath
    /// Names above this one; empty for the first page.
    package var after: [UInt8]
    /// At most `IPCLimits.listingPageCountMax` are answered, whatever this says. Below 2^30.
    package var limit: UInt32
    /// Who holds each entry is to be said too.
    package var wantsHolders: Bool
    /// The properties of files are to be said too, as `FileProperties.listed`. Those of directories are
    /// asked for by themselves (`PropertiesRequest`).
    package var wantsProperties: Bool

    package init(
        path: StorePath, after: [UInt8], limit: UInt32, wantsHolders: Bool = false,
        wantsProperties: Bool = false
    ) {
        self.path = path
        self.after = after
        self.limit = limit
        self.wantsHolders = wantsHolders
        self.wantsProperties = wantsProperties
    }

    private static let holdersBit: UInt32 = 1 << 31
    private static let propertiesBit: UInt32 = 1 << 30

    package func encode(into writer: inout ByteWriter) {
        writer.write(path)
        writer.writeRun(after)
        writer.write(
            min(limit, ListRequest.propertiesBit - 1)
                | (wantsHolders ? ListRequest.holdersBit : 0)
                | (wantsProperties ? ListRequest.propertiesBit : 0))
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        path = try reader.readPath()
        after = try reader.readRun(max: StorePath.componentByteCountMax)
        let word = try reader.readUInt32()
        limit = word & (ListRequest.propertiesBit - 1)
        wantsHolders = word & ListRequest.holdersBit != 0
        wantsProperties = word & ListRequest.propertiesBit != 0
    }
}

/// The answer to `list`.
package struct ListResponse: Message {
    package enum Entry: Equatable, Sendable {
        case file(name: [UInt8], FileFacts)
        case directory(name: [UInt8], modified: Timestamp)

        package var name: [UInt8] {
            switch self {
            case .file(let name, _), .directory(let name, _): name
            }
        }
    }

    package var entries: [Entry]
    /// Whether names follow after the last one here.
    package var hasMore: Bool
    /// The nodes that hold each of the entries, at most `IPCLimits.listedHoldersMax`; nil where
    /// nobody asked.
    package var holders: [[NodeID]]?

    package init(entries: [Entry], hasMore: Bool, holders: [[NodeID]]? = nil) {
        self.entries = entries
        self.hasMore = hasMore
        self.holders = holders
    }

    // What stands in the last byte of the page.
    private static let moreBit: UInt8 = 1
    private static let holdersBit: UInt8 = 2

    package func encode(into writer: inout ByteWriter) {
        precondition(entries.count <= IPCLimits.listingPageCountMax, "a page over its limit")
        writer.write(UInt32(entries.count))
        for entry in entries {
            writer.writeRun(entry.name)
            switch entry {
            case .file(_, let facts):
                writer.write(UInt8(0))
                facts.encode(into: &writer)
            case .directory(_, let modified):
                writer.write(UInt8(1))
                writer.write(modified.nanoseconds)
            }
        }
        var last = hasMore ? ListResponse.moreBit : 0
        if holders != nil { last |= ListResponse.holdersBit }
        writer.write(last)
        guard let holders else { return }
        precondition(holders.count == entries.count, "holders of other entries")
        Holders.encode(table: holders, into: &writer)
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        let count = try reader.readUInt32()
        guard count <= UInt32(IPCLimits.listingPageCountMax) else { throw .invalid("count") }
        entries = []
        for _ in 0..<count {
            let name = try reader.readRun(max: StorePath.componentByteCountMax)
            switch try reader.readUInt8() {
            case 0: entries.append(.file(name: name, try FileFacts(from: &reader)))
            case 1:
                let modified = Timestamp(nanoseconds: try reader.readInt64())
                entries.append(.directory(name: name, modified: modified))
            default: throw .invalid("entry")
            }
        }
        let last = try reader.readUInt8()
        guard last & ~(ListResponse.moreBit | ListResponse.holdersBit) == 0 else {
            throw .invalid("more")
        }
        hasMore = last & ListResponse.moreBit != 0
        if last & ListResponse.holdersBit != 0 {
            holders = try Holders.table(count: entries.count, from: &reader)
        }
    }
}

/// The answer to `storeStatus` (whose request is `Empty`).
package struct StoreStatus: Message {
    package var disk: DiskID
    package var storageMajor: String
    package var storageMinor: String
    package var isEncrypted: Bool
    package var isReadOnly: Bool
    package var fileCount: UInt64
    package var contentByteCount: UInt64
    /// Partitions that have a file here.
    package var partitionCount: UInt32
    package var freeByteCount: UInt64
    /// Superseded and deleted versions that can be had back, and bytes of their contents here.
    package var keptCount: UInt64 = 0
    package var keptByteCount: UInt64 = 0
    package var warnings: [String]

    package init(
        disk: DiskID, storageMajor: String, storageMinor: String, isEncrypted: Bool,
        isReadOnly: Bool, fileCount: UInt64, contentByteCount: UInt64, partitionCount: UInt32,
        freeByteCount: UInt64, warnings: [String]
    ) {
        self.disk = disk
        self.storageMajor = storageMajor
        self.storageMinor = storageMinor
        self.isEncrypted = isEncrypted
        self.isReadOnly = isReadOnly
        self.fileCount = fileCount
        self.contentByteCount = contentByteCount
        self.partitionCount = partitionCount
        self.freeByteCount = freeByteCount
        self.warnings = warnings
    }

    package func encode(into writer: inout ByteWriter) {
        writer.write(disk)
        writer.writeText(storageMajor)
        writer.writeText(storageMinor)
        writer.write(isEncrypted)
        writer.write(isReadOnly)
        writer.write(fileCount)
        writer.write(contentByteCount)
        writer.write(partitionCount)
        writer.write(freeByteCount)
        writer.writeTexts(warnings)
        writer.write(keptCount)
        writer.write(keptByteCount)
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        disk = try reader.readIdentifier()
        storageMajor = try reader.readText(max: IPCLimits.textByteCountMax)
        storageMinor = try reader.readText(max: IPCLimits.textByteCountMax)
        isEncrypted = try reader.readBool()
        isReadOnly = try reader.readBool()
        fileCount = try reader.readUInt64()
        contentByteCount = try reader.readUInt64()
        partitionCount = try reader.readUInt32()
        freeByteCount = try reader.readUInt64()
        warnings = try reader.readTexts()
        keptCount = try reader.readUInt64()
        keptByteCount = try reader.readUInt64()
    }
}
