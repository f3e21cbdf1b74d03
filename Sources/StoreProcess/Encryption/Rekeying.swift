internal import GRDB
internal import Model
internal import Posix
internal import Sealing

/// Gives the directory of a stopped node another phrase and another data key, and seals everything anew
/// under it: `clusterf-store --rekey`.
///
/// ```
///   KEY: both data keys, under the new phrase ──▶ every content, then the database, under the new one
///   ──▶ KEY: the new one alone
/// ```
/// From the first step on only the new phrase opens the directory, and a node may run on it at any time.
/// A death at any point leaves all of it readable; done again, it goes on.
final class Rekeying {
    /// For tests, which end it there as a death would.
    enum Step: CaseIterable {
        case keysMade
        case workFinished
        case contentsSealed
        case databaseSealed
        case databaseReplaced
        case keysDropped
    }

    struct Outcome: Equatable {
        var objectCount = 0
        /// Objects that this run sealed anew.
        var sealedCount = 0
        /// Objects that cannot be read: nothing is dropped then.
        var unreadable: [ObjectID] = []
        /// All of it was under the new phrase already.
        var wasDone = false
    }

    private let path: BytePath
    private let old: EncryptionPhrase
    private let new: EncryptionPhrase
    private let cost: KeyCost
    private let say: (String) -> Void
    private let reached: (Step) throws -> Void
    private var outcome = Outcome()

    /// - Parameters:
    ///   - cost: what a guess of the new phrase costs; less in tests.
    ///   - say: takes lines for people.
    init(
        _ path: BytePath, from old: EncryptionPhrase, to new: EncryptionPhrase,
        cost: KeyCost = .standard, say: @escaping (String) -> Void,
        reached: @escaping (Step) throws -> Void = { _ in }
    ) {
        self.path = path
        self.old = old
        self.new = new
        self.cost = cost
        self.say = say
        self.reached = reached
    }

    /// - Throws: `PermanentFailure` where the phrase is wrong or the node is none that is encrypted; what
    ///   failed on the disk.
    func run() throws -> Outcome {
        guard try makeKeys() else {
            outcome.wasDone = true
            return outcome
        }
        try reached(.keysMade)
        let wanted = WantedStorage(phrase: new)
        try finishWork(wanted)
        try reached(.workFinished)
        let directory = try DataDirectory(path, wanted)
        defer { directory.unlock() }
        guard let sealing = directory.sealing else {
            preconditionFailure("a directory with keys is encrypted")
        }
        try checkWork(directory)
        try removeUploads(directory)
        try sealContents(directory, sealing.contents)
        try reached(.contentsSealed)
        guard outcome.unreadable.isEmpty else { return outcome }
        try SealedCopy.write(of: Schema.fileName, in: directory, sealing.contents.ring)
        try reached(.databaseSealed)
        try SealedCopy.replace(Schema.fileName, in: directory)
        try reached(.databaseReplaced)
        try DiskKeys.write(
            sealing.contents.ring.droppingOld(), under: new, cost, in: directory.root)
        try reached(.keysDropped)
        return outcome
    }

    /// - Returns: false where nothing is to be done.
    private func makeKeys() throws -> Bool {
        let root = try Directory.open(path, in: .workingDirectory, [.readOnly, .directory])
        let lock = try Directory.open("store.lock", in: root, [.readWrite, .create])
        guard try FileIO.lock(lock) else { throw StoreStillOpen(path: path) }
        defer { withExtendedLifetime(lock) {} }
        guard let format = try StorageFormat.read(in: root) else {
            throw PermanentFailure("\(path) is no data directory of a node")
        }
        guard format.isEncrypted else {
            throw PermanentFailure(
                "the data directory is not encrypted, and cannot become so later: make a new node with "
                    + "--encryption-key-file, and let it fetch its copies from the others")
        }
        if let ring = try DiskKeys.opened(new, in: root, path) {
            if ring.count > 1 {
                say("goes on where an earlier run stopped")
                return true
            }
            // The same phrase again: another data key all the same.
            if old != new { return false }
        }
        let ring = try DiskKeys.open(old, in: root, path)
        var entropy = Entropy()
        guard let both = ring.adding(using: &entropy) else {
            throw PermanentFailure("the directory has as many data keys as there can be")
        }
        try DiskKeys.write(both, under: new, cost, in: root)
        return true
    }

    /// What transactions asked for is done by a store's own threads first, so that all contents but those of
    /// uploads under way are objects.
    private func finishWork(_ wanted: WantedStorage) throws {
        let engine = try Engine(path, wanted, committed: { _ in }, found: { _ in })
        let isReadOnly = engine.isReadOnly
        engine.end()
        if isReadOnly {
            throw PermanentFailure(
                "the store is read-only after errors of its disk: look at the disk first")
        }
    }

    /// Whether all committed contents are in their places: those that found no room there would go with
    /// the uploads under way.
    private func checkWork(_ directory: DataDirectory) throws {
        let queue = try Schema.connect(
            directory.metaPath, directory.sealing?.files, cachePages: 64)
        let left = try queue.inDatabase { database in
            try Int.fetchOne(
                database,
                sql: "SELECT (SELECT count(*) FROM staged) + (SELECT count(*) FROM content)") ?? 0
        }
        try queue.close()
        if left > 0 {
            throw PermanentFailure(
                "\(left) contents are not in their places yet, for want of room: free some of the disk, start "
                    + "the node until it has copied them, stop it and begin again")
        }
    }

    /// Uploads of a node that was stopped, which nobody will claim.
    private func removeUploads(_ directory: DataDirectory) throws {
        for entry in try Directory.entries(of: directory.staging) {
            _ = try Directory.removeIfPresent(BytePath(entry.name), in: directory.staging)
        }
    }

    // MARK: Contents

    private func sealContents(_ directory: DataDirectory, _ sealing: ContentSealing) throws {
        let kind = try ContentStores.open(directory.format.kind, directory)
        let keeper = try kind.makeKeeper()
        var last: ObjectID?
        while true {
            let page = try kind.list(after: last, limit: StoreLimits.convertedPageCount)
            for item in page {
                outcome.objectCount += 1
                do {
                    guard let stored = try kind.open(item.object) else { continue }
                    if try sealing.epoch(of: stored) == sealing.ring.current.epoch { continue }
                    let content = try sealing.open(stored, of: item.object)
                    try stage(content, item.object, directory, sealing)
                } catch let damage as ContentDamage {
                    say("object \(item.object) cannot be read: \(damage)")
                    outcome.unreadable.append(item.object)
                    continue
                }
                try adopt(item.object, keeper, directory)
                outcome.sealedCount += 1
            }
            say("\(outcome.objectCount) objects")
            guard let next = page.last?.object, page.count == StoreLimits.convertedPageCount else {
                break
            }
            last = next
        }
        while keeper.needsMaintenance { try keeper.maintain() }
    }

    private static func staged(_ object: ObjectID) -> BytePath {
        ObjectName.staging(OperationID(bits: object.bits))
    }

    /// Writes the content sealed anew to a staging file and makes that durable: the one that is there goes
    /// when this is.
    private func stage(
        _ content: StoredContent, _ object: ObjectID, _ directory: DataDirectory,
        _ sealing: ContentSealing
    ) throws {
        let sealed = SealingContent(content, sealing.begin(object))
        let file = try Directory.open(
            Rekeying.staged(object), in: directory.staging, [.writeOnly, .create, .truncate])
        var offset: UInt64 = 0
        while offset < sealed.byteCount {
            let end = min(offset + UInt64(StoreLimits.copiedPieceByteCount), sealed.byteCount)
            try FileIO.write(try sealed.read(offset..<end), to: file, at: Int64(clamping: offset))
            offset = end
        }
        try FileIO.setModified(file, to: ContentSealing.modified.nanoseconds)
        try FileIO.sync(file)
        try FileIO.sync(directory.staging)
    }

    private func adopt(
        _ object: ObjectID, _ keeper: any ContentKeeper, _ directory: DataDirectory
    ) throws {
        var budget = StoreLimits.copiedByteCountMax
        while try !keeper.adopt(Rekeying.staged(object), as: object, budget: &budget) {
            try keeper.sync()
            budget = StoreLimits.copiedByteCountMax
        }
        try keeper.sync()
        _ = try Directory.removeIfPresent(Rekeying.staged(object), in: directory.staging)
    }
}

/// The database, sealed anew page by page while nobody has it open and its log is empty.
enum SealedCopy {
    private static let pageByteCount = 4096
    /// The page of the byte at which SQLite has its locks (fileformat2, section 1.5): never written.
    private static let lockPage: UInt64 = 0x4000_0000 / 4096 + 1

    private static func temporary(_ name: String) -> BytePath { BytePath("\(name).sealing") }

    /// Writes the copy and makes it durable.
    static func write(of name: String, in directory: DataDirectory, _ ring: KeyRing) throws {
        try requireEmptyLog(name, directory)
        var entropy = Entropy()
        let sealer = PageSealer(ring, using: &entropy)
        let source = try Directory.open(BytePath(name), in: directory.meta)
        let copy = try Directory.open(
            temporary(name), in: directory.meta, [.writeOnly, .create, .truncate])
        let size = try FileIO.status(of: source).size
        guard size.isMultiple(of: Int64(pageByteCount)) else {
            throw PermanentFailure("meta/\(name) does not end at a page: start the node first")
        }
        for page in 0..<UInt64(size) / UInt64(pageByteCount) {
            let offset = Int64(page) * Int64(pageByteCount)
            var bytes = try FileIO.read(source, count: pageByteCount, at: offset)
            guard let sealed = sealAnew(&bytes, page + 1, sealer) else {
                throw PermanentFailure(
                    "page \(page + 1) of meta/\(name) is damaged: let the node fetch its copies from the "
                        + "others into a new directory")
            }
            try FileIO.write(sealed, to: copy, at: offset)
        }
        try FileIO.sync(copy)
    }

    /// Nil where the page does not open.
    private static func sealAnew(
        _ bytes: inout [UInt8], _ number: UInt64, _ sealer: PageSealer
    ) -> [UInt8]? {
        if number == lockPage, bytes.allSatisfy({ $0 == 0 }) { return bytes }
        let count = pageByteCount - PageSealer.trailerByteCount
        var plain = [UInt8](repeating: 0, count: count)
        let isAuthentic = unsafe bytes.withUnsafeBytes { bytes in
            unsafe plain.withUnsafeMutableBytes { plain in
                unsafe sealer.open(
                    UnsafeRawBufferPointer(rebasing: bytes[..<count]), .page, number,
                    trailer: UnsafeRawBufferPointer(rebasing: bytes[count...]), into: plain)
            }
        }
        guard isAuthentic else { return nil }
        unsafe plain.withUnsafeBytes { plain in
            unsafe bytes.withUnsafeMutableBytes { bytes in
                unsafe sealer.seal(
                    plain, .page, number,
                    into: UnsafeMutableRawBufferPointer(rebasing: bytes[..<count]),
                    trailer: UnsafeMutableRawBufferPointer(rebasing: bytes[count...]))
            }
        }
        return bytes
    }

    /// Puts the copy in the place of the original.
    static func replace(_ name: String, in directory: DataDirectory) throws {
        try requireEmptyLog(name, directory)
        // An index of a log that is gone, of another database than the one that comes.
        for suffix in ["-wal", "-shm"] {
            _ = try Directory.removeIfPresent(BytePath(name + suffix), in: directory.meta)
        }
        try FileIO.sync(directory.meta)
        try Directory.rename(
            temporary(name), in: directory.meta, to: BytePath(name), in: directory.meta)
        try FileIO.sync(directory.meta)
    }

    /// A store that ended in order leaves none.
    private static func requireEmptyLog(_ name: String, _ directory: DataDirectory) throws {
        let status = try Directory.status(of: BytePath(name + "-wal"), in: directory.meta)
        guard status?.size ?? 0 == 0 else {
            throw PermanentFailure(
                "meta/\(name)-wal was not copied into the database: start and stop the node first")
        }
    }
}
