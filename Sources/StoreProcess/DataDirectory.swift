internal import Glibc
internal import Model
internal import Posix
internal import Sealing

/// The node's directory and what lies in it, open; see docs/FORMATS.md.
///
/// Everything is reached from open directories, so that a path of any length works and nothing
/// outside can be named.
final class DataDirectory: Sendable {
    let path: BytePath
    let root: Descriptor
    let meta: Descriptor
    let staging: Descriptor
    /// How contents lie here.
    let format: StorageFormat
    /// Nil: nothing is encrypted.
    let sealing: DiskSealing?
    private let lock: HandedDescriptor

    /// The line of `FORMAT`.
    private static let program = "clusterf"
    private static let layoutVersion = 1

    var metaPath: BytePath { path.appending("meta") }

    /// Opens or makes the directory.
    /// - Parameter wanted: what was asked for; what was not is as it is recorded, and in a new directory
    ///   the default.
    /// - Throws: `PermanentFailure` where another format is there, `StoreStillOpen` where a store is.
    init(_ path: BytePath, _ wanted: WantedStorage = WantedStorage()) throws {
        self.path = path
        do {
            root = try Directory.open(path, in: .workingDirectory, [.readOnly, .directory])
        } catch {
            throw PermanentFailure("the node directory \(path) cannot be opened: \(error)")
        }
        let lock = try Directory.open("store.lock", in: root, [.readWrite, .create])
        guard try DataDirectory.hold(lock) else { throw StoreStillOpen(path: path) }
        self.lock = HandedDescriptor(lock)
        let recorded = try StorageFormat.read(in: root)
        // The database is made when all of the directory is there.
        if recorded == nil, try Directory.status(of: "meta/store.db", in: root) != nil {
            throw PermanentFailure(
                "\(path) has files of a node and no FORMAT: it was lost, and what is there is touched by nobody. "
                    + "Put it back, or use another data directory")
        }
        format = try wanted.checked(against: recorded)
        sealing = try DataDirectory.keys(wanted, isNew: recorded == nil, root, path)
            .map { try DiskSealing($0, path) }
        meta = try DataDirectory.part("meta", of: root)
        staging = try DataDirectory.part("staging", of: root)
        _ = try Directory.makeIfMissing("quarantine", in: root)
        if recorded == nil {
            try ContentStores.prepare(format.kind, in: root)
            // Last: a directory with a FORMAT is complete.
            try format.write(in: root)
        }
    }

    /// Takes the lock. A process that is just being started by this one has it, too, for the moment until it
    /// is another program.
    private static func hold(_ lock: borrowing Descriptor) throws -> Bool {
        let deadline = ContinuousClock.now + StoreLimits.lockWait
        while try !FileIO.lock(lock) {
            guard .now < deadline else { return false }
            // Nobody tells of the release of a lock that is asked for without waiting.
            _ = poll(nil, 0, Int32(StoreLimits.lockRetry / .milliseconds(1)))
        }
        return true
    }

    /// The keys, before anything is written that needs them.
    private static func keys(
        _ wanted: WantedStorage, isNew: Bool, _ root: borrowing Descriptor, _ path: BytePath
    ) throws -> KeyRing? {
        guard let phrase = wanted.phrase else {
            if isNew { try DiskKeys.remove(in: root) }
            return nil
        }
        return isNew
            ? try DiskKeys.make(phrase, wanted.keyCost, in: root)
            : try DiskKeys.open(phrase, in: root, path)
    }

    /// Opens a folder of the directory, made where it is missing.
    static func part(
        _ name: BytePath, of root: borrowing Descriptor
    ) throws -> Descriptor {
        _ = try Directory.makeIfMissing(name, in: root)
        return try Directory.open(name, in: root, [.readOnly, .directory, .noFollow])
    }

    /// The kind of storage, encrypted where the directory is.
    func sealed(_ kind: any ContentStore) -> any ContentStore {
        guard let sealing else { return kind }
        return SealedContents(kind, sealing.contents)
    }

    /// Lets another store open the directory; the end of the process does the same.
    func unlock() { lock.close() }

    /// Bytes that a write may still take.
    func freeByteCount() throws -> UInt64 { try Directory.space(of: root).available }
}

/// Names of objects and staging files.
enum ObjectName {
    /// `<2 hex>/<32 hex>` within `objects/`.
    static func path(_ object: ObjectID) -> BytePath {
        let hex = Hex.encodedBytes(object.bytes)
        return BytePath(hex[..<2] + [UInt8(ascii: "/")] + hex)
    }

    /// `<2 hex>` within `objects/`.
    static func shard(_ object: ObjectID) -> BytePath {
        BytePath(Hex.encodedBytes(object.bytes.prefix(1)))
    }

    /// `<32 hex>` within `staging/`.
    static func staging(_ operation: OperationID) -> BytePath {
        BytePath(Hex.encodedBytes(operation.bytes))
    }
}
