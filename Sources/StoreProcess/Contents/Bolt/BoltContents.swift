internal import Glibc
internal import LMDB
internal import Model
internal import Posix

/// The kind `bolt`: `bolt/data.mdb`, an LMDB file (the design that bolt ports): a tree of pages that are
/// never changed where a reader may see them. Contents lie in chunks, each in whole pages.
final class BoltContents: ContentStore {
    /// With LMDB's header of 16 bytes a chunk fills 16 pages.
    static let chunkByteCount: UInt64 = (64 << 10) - 16

    static let items = LMDBEnvironment.Table(0)
    static let chunks = LMDBEnvironment.Table(1)
    static let freed = LMDBEnvironment.Table(2)
    static let state = LMDBEnvironment.Table(3)

    private let environment: LMDBEnvironment
    private let folder: Descriptor
    private let staging: Descriptor

    init(_ directory: DataDirectory, isReadOnly: Bool = false) throws {
        let folder = try DataDirectory.part("bolt", of: directory.root)
        let disk = try Directory.space(of: folder).total
        environment = try Self.open(
            directory.path.appending("bolt").description,
            // Address space, not memory; it grows with the disk at the next start.
            mapByteCount: Int(clamping: disk) + StoreLimits.boltMapReserve)
        // The names that were made here.
        if !isReadOnly { try FileIO.sync(folder) }
        self.folder = folder
        staging = try directory.staging.duplicate()
    }

    private static func open(_ path: String, mapByteCount: Int) throws -> LMDBEnvironment {
        do throws(LMDBError) {
            return try LMDBEnvironment(
                path, tables: ["items", "chunks", "freed", "state"], mapByteCount: mapByteCount,
                readersMax: StoreLimits.boltReadersMax)
        } catch {
            guard error.isDamage else { throw error }
            throw PermanentFailure(
                "bolt/data.mdb is damaged: \(error). Restore the data directory from a backup, or "
                    + "move it away and let the node fetch its copies from the others")
        }
    }

    /// Turns the failures of a reader into the content's damage.
    private static func reading<Result>(_ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch let error as LMDBError where error.isDamage {
            throw ContentDamage("its database is damaged: \(error)")
        }
    }

    static func key(_ number: UInt64) -> [UInt8] {
        var writer = ByteWriter(capacity: 8)
        writer.write(number)
        return writer.bytes
    }

    static func find(_ object: ObjectID, _ transaction: LMDBTransaction) throws -> ChunkedItem? {
        try transaction.value(object.bytes, in: items).map { try ChunkedItem(row: $0) }
    }

    func open(_ object: ObjectID) throws -> StoredContent? {
        try Self.reading {
            try environment.read { transaction in
                guard let item = try Self.find(object, transaction), item.isComplete else {
                    return nil
                }
                return .ranges(
                    BoltContent(store: self, object: object, byteCount: item.byteCount))
            }
        }
    }

    /// From one state of the file, and nothing is kept of it: a slow client holds no pages.
    fileprivate func read(_ object: ObjectID, _ range: Range<UInt64>) throws -> [UInt8] {
        try Self.reading {
            try environment.read { transaction in
                guard let item = try Self.find(object, transaction), item.isComplete else {
                    throw ContentDamage("it is gone")
                }
                return try ChunkedRange.read(
                    range, of: item.byteCount, chunkByteCount: Self.chunkByteCount
                ) { try transaction.value(Self.key(item.first + $0), in: Self.chunks) }
            }
        }
    }

    func list(after object: ObjectID?, limit: Int) throws -> [ListedObject] {
        try Self.reading {
            try environment.read { transaction in
                var found: [ListedObject] = []
                // The key behind all that begin with the last one's.
                var start = object.map { $0.bytes + [0] } ?? []
                while found.count < limit {
                    let rows = try transaction.entries(
                        from: start, limit: limit - found.count, in: Self.items)
                    guard let last = rows.last else { break }
                    for (key, value) in rows {
                        let item = try ChunkedItem(row: value)
                        guard let object = ObjectID(bytes: key), item.isComplete else { continue }
                        found.append(
                            ListedObject(
                                object: object, byteCount: item.byteCount,
                                modified: item.modified))
                    }
                    start = last.key + [0]
                }
                return found
            }
        }
    }

    func strangers(limit: Int) throws -> [String] {
        var search = StrangerSearch(limit: limit)
        try search.look(in: folder, called: "bolt/") { name in
            ["data.mdb", "lock.mdb"].contains { name.elementsEqual($0.utf8) }
        }
        return search.names
    }

    func makeKeeper() throws -> any ContentKeeper {
        try ChunkedKeeper(BoltChunkTables(environment), staging)
    }
}

private struct BoltContent: RangedContent {
    let store: BoltContents
    let object: ObjectID
    let byteCount: UInt64

    func read(_ range: Range<UInt64>) throws -> [UInt8] { try store.read(object, range) }
}

extension ChunkedItem {
    /// A value of `items`: u64 size, i64 modified, u64 first, u8 complete, big endian.
    init(row: [UInt8]) throws {
        do {
            var reader = unsafe ByteReader(row.span.bytes)
            byteCount = try reader.readUInt64()
            modified = Timestamp(nanoseconds: try reader.readInt64())
            first = try reader.readUInt64()
            isComplete = try reader.readUInt8() != 0
        } catch {
            throw ContentDamage("its row makes no sense")
        }
        guard byteCount <= UInt64.max >> 2, first <= UInt64.max >> 2 else {
            throw ContentDamage("its row makes no sense")
        }
    }

    var row: [UInt8] {
        var writer = ByteWriter(capacity: 25)
        writer.write(byteCount)
        writer.write(modified.nanoseconds)
        writer.write(first)
        writer.write(UInt8(isComplete ? 1 : 0))
        return writer.bytes
    }
}
