internal import GRDB
internal import Model
internal import Posix

/// Changes the kind of storage of a stopped node: `clusterf-store --convert`.
///
/// ```
///   outboxes worked off ──▶ every object copied beside the old ones and compared ──▶ what is too much
///   removed ──▶ FORMAT ──▶ the old ones removed
/// ```
/// A death at any point leaves a node of the old kind, up to the new FORMAT, or of the new one. Done again,
/// it goes on: what was copied is compared and kept.
final class Conversion {
    /// For tests, which end a conversion there as a death would.
    enum Step: CaseIterable {
        case finished
        case copied
        case tidied
        case shown
        case switched
    }

    struct Outcome: Equatable {
        var objectCount = 0
        var byteCount: UInt64 = 0
        /// Objects that were copied by this run.
        var copiedCount = 0
        /// Objects that the old storage has and cannot give.
        var unreadable: [ObjectID] = []
        /// Nothing was to be done but to remove what an earlier run left.
        var wasDone = false
    }

    private let path: BytePath
    private let target: StorageKind
    private let wanted: WantedStorage
    private let say: (String) -> Void
    private let reached: (Step) throws -> Void
    private var outcome = Outcome()
    private var said = ContinuousClock.Instant.now

    /// - Parameters:
    ///   - phrase: what the directory is encrypted with.
    ///   - say: takes lines for people.
    init(
        _ path: BytePath, to target: StorageKind, phrase: EncryptionPhrase? = nil,
        say: @escaping (String) -> Void,
        reached: @escaping (Step) throws -> Void = { _ in }
    ) {
        self.path = path
        self.target = target
        wanted = WantedStorage(phrase: phrase)
        self.say = say
        self.reached = reached
    }

    /// - Throws: `PermanentFailure` where the node has another store open, or is not one; what failed on
    ///   the disk. Where objects are unreadable nothing is switched.
    func run() throws -> Outcome {
        try finishWork()
        try reached(.finished)
        let directory = try DataDirectory(path, wanted)
        defer { directory.unlock() }
        let old = directory.format.kind
        guard old != target else {
            outcome.wasDone = true
            try removeOthers(directory)
            return outcome
        }
        say("the storage is \(old.rawValue) and becomes \(target.rawValue)")
        try ContentStores.prepare(target, in: directory.root)
        // Encrypted contents are sealed anew: what is compared is the content.
        let from = directory.sealed(try ContentStores.open(old, directory))
        let to = directory.sealed(try ContentStores.open(target, directory))
        let keeper = try to.makeKeeper()
        try copyAll(from, to, keeper)
        try reached(.copied)
        guard outcome.unreadable.isEmpty else { return outcome }
        try removeStrays(from, to, keeper)
        try reached(.tidied)
        if target == .rawfile, directory.sealing == nil {
            try ViewQueue.showEverything(directory)
        }
        try reached(.shown)
        var format = directory.format
        (format.kind, format.minor) = (target, target.versions.upperBound)
        try format.write(in: directory.root)
        try reached(.switched)
        try removeOthers(directory)
        return outcome
    }

    /// What transactions asked for is done by a store's own threads first, so that all contents but those
    /// of uploads under way are objects.
    private func finishWork() throws {
        let engine = try Engine(path, wanted, committed: { _ in }, found: { _ in })
        let isReadOnly = engine.isReadOnly
        engine.end()
        if isReadOnly {
            throw PermanentFailure(
                "the store is read-only after errors of its disk: look at the disk first")
        }
    }

    // MARK: Copying

    private func copyAll(
        _ from: any ContentStore, _ to: any ContentStore, _ keeper: any ContentKeeper
    ) throws {
        var last: ObjectID?
        var batch: [(object: ObjectID, digest: Digest)] = []
        var budget = StoreLimits.copiedByteCountMax
        func flush() throws {
            try keeper.sync()
            for (object, digest) in batch {
                guard let copy = try to.open(object), try ContentCheck.digest(of: copy) == digest
                else { throw ContentDamage("the copy of \(object) is not what it was made from") }
            }
            batch = []
            budget = StoreLimits.copiedByteCountMax
        }
        while true {
            let page = try from.list(after: last, limit: StoreLimits.convertedPageCount)
            for item in page {
                guard let (content, digest) = read(item.object, from) else { continue }
                outcome.objectCount += 1
                outcome.byteCount += content.byteCount
                sayProgress()
                if try isThere(item.object, digest, content.byteCount, in: to) { continue }
                while try !keeper.copy(
                    content, as: item.object, modified: item.modified, budget: &budget)
                {
                    try flush()
                }
                outcome.copiedCount += 1
                batch.append((item.object, digest))
                if budget <= 0 || batch.count >= StoreLimits.roundCountMax { try flush() }
            }
            guard let next = page.last?.object, page.count == StoreLimits.convertedPageCount else {
                return try flush()
            }
            last = next
        }
    }

    /// The content and its digest; nil where it cannot be read, which is remembered.
    private func read(
        _ object: ObjectID, _ from: any ContentStore
    ) -> (content: StoredContent, digest: Digest)? {
        do {
            if let content = try from.open(object) {
                return (content, try ContentCheck.digest(of: content))
            }
            say("object \(object) is gone")
        } catch {
            say("object \(object) cannot be read: \(error)")
        }
        outcome.unreadable.append(object)
        return nil
    }

    /// Whether an earlier run copied it.
    private func isThere(
        _ object: ObjectID, _ digest: Digest, _ byteCount: UInt64, in to: any ContentStore
    ) throws -> Bool {
        do {
            guard let copy = try to.open(object), copy.byteCount == byteCount else { return false }
            return try ContentCheck.digest(of: copy) == digest
        } catch let damage as ContentDamage {
            say("object \(object) is copied again: \(damage)")
            return false
        }
    }

    /// What an earlier run copied, and the node removed since.
    private func removeStrays(
        _ from: any ContentStore, _ to: any ContentStore, _ keeper: any ContentKeeper
    ) throws {
        var last: ObjectID?
        while true {
            let page = try to.list(after: last, limit: StoreLimits.convertedPageCount)
            for item in page where try from.open(item.object) == nil {
                try keeper.remove(item.object)
            }
            try keeper.sync()
            guard let next = page.last?.object, page.count == StoreLimits.convertedPageCount else {
                break
            }
            last = next
        }
        while keeper.needsMaintenance { try keeper.maintain() }
    }

    private func sayProgress() {
        guard .now - said >= StoreLimits.progressInterval else { return }
        said = .now
        say("\(outcome.objectCount) objects, \(outcome.byteCount >> 20) MiB")
    }

    // MARK: The end

    /// Removes what other kinds have in the directory.
    private func removeOthers(_ directory: DataDirectory) throws {
        for kind in StorageKind.allCases where kind != target {
            for folder in kind.folders {
                let removal = FolderRemoval(keepsStrangers: folder == "files")
                if try !removal.remove(folder, in: directory.root) {
                    say("\(folder)/ has things that are not the store's: they stay")
                }
            }
        }
        try FileIO.sync(directory.root)
    }
}

extension StorageKind {
    /// Its folders in the node's directory, in the order of their removal: names of the view have to go
    /// while their objects are there, which tells them from what somebody else put there.
    fileprivate var folders: [BytePath] {
        switch self {
        case .rawfile: ["files", "objects"]
        case .extent: ["extent"]
        case .sqlite: ["sqlite"]
        case .bolt: ["bolt"]
        }
    }
}

/// The view of a directory that has none yet, made at the next start.
enum ViewQueue {
    static func showEverything(_ directory: DataDirectory) throws {
        let queue = try Schema.connect(
            directory.metaPath, cachePages: StoreLimits.writerCachePages)
        try queue.inDatabase { database in
            try database.inTransaction {
                try database.execute(
                    sql: """
                        INSERT INTO view_dirty(sequence, path, failed)
                        SELECT (SELECT value FROM state WHERE key = 'sequence')
                            + row_number() OVER (ORDER BY path), path, 0
                        FROM (SELECT path FROM records UNION SELECT path FROM marks
                            UNION SELECT path FROM registers WHERE kind = 2);
                        UPDATE state SET value =
                            max(value, (SELECT coalesce(max(sequence), 0) FROM view_dirty))
                            WHERE key = 'sequence';
                        """)
                return .commit
            }
        }
        try queue.close()
    }
}
