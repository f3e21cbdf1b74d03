package import Model

/// What one store has of the trash, in the order of paths: an answer to another that lists it.
package struct TrashPage: Hashable, Sendable {
    /// A path without a file, and the version that would come back.
    package struct Entry: Hashable, Sendable {
        package var path: StorePath
        package var dot: Dot
        package var time: HybridTime
        package var byteCount: UInt64
        package var digest: Digest
        package var contentType: String
        package var created: Timestamp
        package var modified: Timestamp
        /// When it was deleted, or lost a conflict.
        package var since: HybridTime
        package var isConflict: Bool

        package init(
            path: StorePath, dot: Dot, time: HybridTime, byteCount: UInt64, digest: Digest,
            contentType: String, created: Timestamp, modified: Timestamp, since: HybridTime,
            isConflict: Bool
        ) {
            self.path = path
            self.dot = dot
            self.time = time
            self.byteCount = byteCount
            self.digest = digest
            self.contentType = contentType
            self.created = created
            self.modified = modified
            self.since = since
            self.isConflict = isConflict
        }

        /// Bytes in a message.
        package var encodedByteCount: Int { path.bytes.count + contentType.utf8.count + 121 }
    }

    package var entries: [Entry]
    /// Whether something is behind them.
    package var hasMore: Bool

    package init(entries: [Entry], hasMore: Bool) {
        self.entries = entries
        self.hasMore = hasMore
    }

    func encode(into writer: inout ByteWriter) {
        precondition(entries.count <= TransferLimits.trashCountMax, "a page over its limit")
        writer.write(UInt16(entries.count))
        for entry in entries {
            writer.writeRun(entry.path.bytes)
            writer.write(entry.dot.disk)
            writer.write(entry.dot.sequence)
            writer.write(entry.time.value)
            writer.write(entry.byteCount)
            writer.write(entry.digest)
            writer.writeText(entry.contentType)
            writer.write(entry.created.nanoseconds)
            writer.write(entry.modified.nanoseconds)
            writer.write(entry.since.value)
            writer.write(entry.isConflict)
        }
        writer.write(hasMore)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        let count = Int(try reader.readUInt16())
        guard count <= TransferLimits.trashCountMax else { throw .invalid("count") }
        entries = []
        for _ in 0..<count {
            entries.append(
                Entry(
                    path: try reader.readStorePath(),
                    dot: Dot(
                        disk: try reader.readIdentifier(), sequence: try reader.readUInt64()),
                    time: HybridTime(value: try reader.readUInt64()),
                    byteCount: try reader.readUInt64(), digest: try reader.readDigest(),
                    contentType: try reader.readText(max: TransferLimits.contentTypeByteCountMax),
                    created: Timestamp(nanoseconds: try reader.readInt64()),
                    modified: Timestamp(nanoseconds: try reader.readInt64()),
                    since: HybridTime(value: try reader.readUInt64()),
                    isConflict: try reader.readBool()))
        }
        hasMore = try reader.readBool()
    }
}

extension ByteReader {
    mutating func readStorePath() throws(DecodeError) -> StorePath {
        let bytes = try readRun(max: StorePath.byteCountMax)
        guard let path = try? StorePath(validating: bytes) else { throw .invalid("path") }
        return path
    }
}

/// Pages of several stores made into one.
package struct TrashMerge: Sendable {
    private var newest: [StorePath: TrashPage.Entry] = [:]
    /// Behind this a store that had more may have had something in between.
    private var end: StorePath?

    package init() {}

    package mutating func add(_ page: TrashPage) {
        for entry in page.entries {
            if let known = newest[entry.path], entry.rank <= known.rank { continue }
            newest[entry.path] = entry
        }
        if page.hasMore, let last = page.entries.last?.path {
            end = end.map { min($0, last) } ?? last
        }
    }

    /// The first `limit` entries, and at most so many bytes of them, of all that are known for certain to
    /// have nothing in between.
    package func page(limit: Int, byteCountMax: Int) -> TrashPage {
        var byteCount = 0
        let sorted = newest.values.sorted { $0.path < $1.path }
        let certain = sorted.prefix { entry in end.map { entry.path <= $0 } ?? true }
        let page = Array(
            certain.prefix(limit).prefix { entry in
                byteCount += entry.encodedByteCount
                return byteCount <= byteCountMax
            })
        return TrashPage(entries: page, hasMore: page.count < sorted.count || end != nil)
    }
}

extension TrashPage.Entry {
    fileprivate var rank: Rank { Rank(time: time, dot: dot) }

    fileprivate struct Rank: Comparable {
        var time: HybridTime
        var dot: Dot

        static func < (a: Rank, b: Rank) -> Bool {
            if a.time != b.time { return a.time < b.time }
            if a.dot.disk != b.dot.disk { return a.dot.disk < b.dot.disk }
            return a.dot.sequence < b.dot.sequence
        }
    }
}
