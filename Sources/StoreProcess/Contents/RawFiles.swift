internal import Glibc
internal import Model
internal import Posix

/// The kind `rawfile`: `objects/<2 hex>/<32 hex>`, one file an object, and `files/`, the view of them
/// for people (`View`).
final class RawFiles: ContentStore {
    let objects: Descriptor
    /// The browsable view.
    let files: Descriptor
    private let staging: Descriptor
    /// Files of objects that were found not to be what was stored, by their names.
    fileprivate let quarantine: Descriptor

    init(_ directory: DataDirectory) throws {
        objects = try DataDirectory.part("objects", of: directory.root)
        files = try DataDirectory.part("files", of: directory.root)
        staging = try directory.staging.duplicate()
        quarantine = try DataDirectory.part("quarantine", of: directory.root)
    }

    /// Makes the folders.
    static func prepare(in root: borrowing Descriptor) throws {
        let objects = try DataDirectory.part("objects", of: root)
        _ = try DataDirectory.part("files", of: root)
        for shard in 0..<256 {
            let name = Hex.encodedBytes([UInt8(shard)])
            _ = try Directory.makeIfMissing(BytePath(name), in: objects)
        }
        try FileIO.sync(objects)
    }

    var copyFactor: UInt64 { 0 }

    func open(_ object: ObjectID) throws -> StoredContent? {
        do throws(PosixError) {
            let file = try Directory.open(ObjectName.path(object), in: objects)
            let status = try FileIO.status(of: file)
            return .file(
                LentFile(
                    file: HandedDescriptor(file), offset: 0,
                    byteCount: UInt64(clamping: status.size), stamp: FileTrust.Stamp(status)))
        } catch {
            if error.code == ENOENT { return nil }
            throw error
        }
    }

    /// Reads the names of one shard after the other; a shard is sorted in memory: some thousand names
    /// where a node has a million files.
    func list(after object: ObjectID?, limit: Int) throws -> [ListedObject] {
        var found: [ListedObject] = []
        let first = object?.bytes.first ?? 0
        for shard in first...255 {
            let name = BytePath(Hex.encodedBytes([shard]))
            var ids: [ObjectID] = []
            do throws(PosixError) {
                let folder = try Directory.open(name, in: objects, [.readOnly, .directory])
                for entry in try Directory.entries(of: folder) {
                    guard let id = ObjectID(hex: String(decoding: entry.name, as: UTF8.self)),
                        object.map({ $0 < id }) ?? true
                    else { continue }
                    ids.append(id)
                }
            } catch {
                if error.code == ENOENT { continue }
                throw error
            }
            for id in ids.sorted() {
                // Removed meanwhile: no object any more.
                guard let status = try Directory.status(of: ObjectName.path(id), in: objects)
                else { continue }
                found.append(
                    ListedObject(
                        object: id, byteCount: UInt64(clamping: status.size),
                        modified: Timestamp(nanoseconds: status.modified)))
                if found.count == limit { return found }
            }
        }
        return found
    }

    func strangers(limit: Int) throws -> [String] {
        var search = StrangerSearch(limit: limit)
        var shards: [[UInt8]] = []
        try search.look(in: objects, called: "objects/") { name in
            guard let shard = Hex.decode(name[...]), name == Hex.encodedBytes(shard),
                name.count == 2,
                try Directory.status(of: BytePath(name), in: objects)?.kind == .directory
            else { return false }
            shards.append(name)
            return true
        }
        for shard in shards where !search.isFull {
            let folder = try Directory.open(BytePath(shard), in: objects, [.readOnly, .directory])
            let prefix = "objects/" + String(decoding: shard, as: UTF8.self) + "/"
            try search.look(in: folder, called: prefix) { name in
                name.starts(with: shard)
                    && ObjectID(hex: String(decoding: name, as: UTF8.self)) != nil
            }
        }
        return search.names
    }

    /// Whether a file is what was kept apart of the object.
    func isQuarantined(
        _ status: FileStatus, of object: ObjectID
    ) throws(PosixError) -> Bool {
        let name = BytePath(Hex.encodedBytes(object.bytes))
        return try Directory.status(of: name, in: quarantine)?.inode == status.inode
    }

    /// What the object's file is like; nil where there is none.
    func stamp(of object: ObjectID) throws(PosixError) -> FileTrust.Stamp? {
        try Directory.status(of: ObjectName.path(object), in: objects).map(FileTrust.Stamp.init)
    }

    func makeKeeper() throws -> any ContentKeeper { RawFileKeeper(self) }

    func recover(_ staged: BytePath, as object: ObjectID) throws -> Bool {
        try move(staged, to: object)
        return true
    }

    /// Moves the staging file of a committed upload. Doing it again finds it moved.
    fileprivate func move(_ staged: BytePath, to object: ObjectID) throws(PosixError) {
        do {
            try Directory.rename(
                staged, in: staging, to: ObjectName.path(object), in: objects)
        } catch {
            if error.code != ENOENT { throw error }
            if try Directory.status(of: ObjectName.path(object), in: objects) == nil {
                StagedContent.missing(staged, object)
            }
        }
    }
}

/// The housekeeper's side of `RawFiles`.
private final class RawFileKeeper: ContentKeeper {
    private let store: RawFiles
    /// What is being copied, and how far it is.
    private var copying: (object: ObjectID, offset: UInt64)?

    init(_ store: RawFiles) { self.store = store }

    func write(_ content: NewObject) throws {
        let file = try Directory.open(
            ObjectName.path(content.object), in: store.objects, [.writeOnly, .create, .truncate])
        try FileIO.write(content.bytes, to: file, at: 0)
        try FileIO.setModified(file, to: content.modified.nanoseconds)
    }

    func adopt(_ staged: BytePath, as object: ObjectID, budget: inout Int) throws -> Bool {
        try store.move(staged, to: object)
        return true
    }

    func copy(
        _ content: StoredContent, as object: ObjectID, modified: Timestamp, budget: inout Int
    ) throws -> Bool {
        var offset: UInt64 = 0
        if let copying, copying.object == object { offset = copying.offset }
        copying = nil
        let flags: Directory.Flags = offset == 0 ? [.create, .truncate] : []
        let file = try Directory.open(
            ObjectName.path(object), in: store.objects, flags.union(.writeOnly))
        while offset < content.byteCount, budget > 0 {
            let count = min(UInt64(StoreLimits.copiedPieceByteCount), content.byteCount - offset)
            try FileIO.write(
                try content.read(offset..<offset + count), to: file, at: Int64(clamping: offset))
            offset += count
            budget -= Int(count)
        }
        guard offset == content.byteCount else {
            copying = (object, offset)
            return false
        }
        try FileIO.setModified(file, to: modified.nanoseconds)
        return true
    }

    func remove(_ object: ObjectID) throws {
        _ = try Directory.removeIfPresent(ObjectName.path(object), in: store.objects)
    }

    func quarantine(_ object: ObjectID) throws {
        let name = BytePath(Hex.encodedBytes(object.bytes))
        do throws(PosixError) {
            try Directory.rename(
                ObjectName.path(object), in: store.objects, to: name, in: store.quarantine)
        } catch {
            // It is not there at all, or was moved before.
            if error.code != ENOENT { throw error }
        }
    }

    /// One for the objects of a round, however many they are, and for its views.
    func sync() throws { try FileIO.syncFileSystem(of: store.objects) }
}
