internal import IPC
internal import Model
internal import Posix
internal import Sealing

/// The uploads under way, as the loop knows them.
///
/// ```
///   begin ──▶ open ──▶ committing ──▶ gone: its result is the writer's
///              │ ▲
///              ▼ │ claim
///          abandoned ──▶ gone: staging file removed
/// ```
struct Uploads {
    /// A link of a gateway, for as long as it lives.
    typealias LinkID = UInt64

    enum Phase {
        case open
        case committing
    }

    struct Upload {
        var phase: Phase = .open
        /// Whose it is; nil while nobody has claimed it.
        var owner: LinkID?
        /// When it goes unless somebody claims it.
        var deadline: ContinuousClock.Instant?
        /// Open for reading; nil until an upload of an earlier life is begun again.
        var file: HandedDescriptor?
        /// Bytes that were told to go to the disk.
        var writtenBehind: Int64 = 0
        var isWritingBehind = false
        /// Whose content it will be; nil for one that an earlier life began.
        var path: StorePath?
        /// What its content is called, once others were told of it.
        var object: ObjectID?
        /// What it has to be called: it is sealed as that.
        var sealedAs: ObjectID?
        /// Bytes that others were told of.
        var toldByteCount: UInt64 = 0
    }

    private(set) var all: [OperationID: Upload] = [:]

    subscript(operation: OperationID) -> Upload? {
        get { all[operation] }
        set { all[operation] = newValue }
    }

    func count(of owner: LinkID) -> Int { all.values.count { $0.owner == owner } }

    /// Staging files of an earlier life wait to be claimed.
    mutating func found(_ operations: [OperationID], now: ContinuousClock.Instant) {
        for operation in operations {
            all[operation] = Upload(deadline: now + StoreLimits.claimDelay)
        }
    }

    /// A gateway has these uploads open.
    mutating func claim(_ operations: [OperationID], by owner: LinkID) {
        for operation in operations where all[operation]?.phase == .open {
            all[operation]?.owner = owner
            all[operation]?.deadline = nil
        }
    }

    /// A link ended: its uploads may be claimed by the next one.
    mutating func linkClosed(_ owner: LinkID, now: ContinuousClock.Instant) {
        for (operation, upload) in all where upload.owner == owner && upload.phase == .open {
            all[operation]?.owner = nil
            all[operation]?.deadline = now + StoreLimits.claimDelay
        }
    }

    /// Takes out those that nobody claimed in time.
    mutating func expire(now: ContinuousClock.Instant) -> [OperationID: Upload] {
        let expired = all.filter { entry in
            entry.value.phase == .open && entry.value.deadline.map { $0 <= now } ?? false
        }
        for operation in expired.keys { all[operation] = nil }
        return expired
    }
}

/// What is done with staging files, on a thread for files.
enum StagingFile {
    enum Settled {
        /// Somebody has it open for writing; nothing was done.
        case isBeingWritten
        /// What object it has to become, where it is sealed as that.
        case durable(ObjectID?)
    }

    /// The staging file of an upload that an earlier life began.
    static func open(
        _ operation: OperationID, _ directory: DataDirectory
    ) throws(RemoteError) -> HandedDescriptor {
        do throws(PosixError) {
            return HandedDescriptor(
                try Directory.open(ObjectName.staging(operation), in: directory.staging))
        } catch {
            throw RemoteError(.unknownUpload, "the upload's file is gone: \(error)")
        }
    }

    /// It, for reading.
    static func lend(
        _ operation: OperationID, _ directory: DataDirectory
    ) throws(PosixError) -> LentFile {
        let file = try Directory.open(ObjectName.staging(operation), in: directory.staging)
        let size = try FileIO.status(of: file).size
        return LentFile(
            file: HandedDescriptor(file), offset: 0, byteCount: UInt64(clamping: size))
    }

    /// Makes an upload durable under its name in `staging/`, and sees that nobody can write to it
    /// any more.
    ///
    /// The kernel refuses the lease while any descriptor for writing is open anywhere, in a
    /// socket's queue or mapped into memory too. It is kept with `file` until that is closed,
    /// after the commit; from then on nobody outside of the store knows the file's name.
    /// - Throws: `RemoteError` where the commit cannot go on.
    static func settle(
        _ operation: OperationID, file: HandedDescriptor, byteCount: UInt64, modified: Timestamp,
        _ engine: Engine
    ) throws(RemoteError) -> Settled {
        do {
            let settled = try file.use { file -> Settled in
                guard try takeLease(file) else { return .isBeingWritten }
                let object = try check(file, byteCount: byteCount, engine.directory)
                let shown = engine.directory.sealing == nil ? modified : ContentSealing.modified
                try FileIO.setModified(file, to: shown.nanoseconds)
                do {
                    try engine.syncs.during {
                        try FileIO.sync(file)
                        try FileIO.sync(engine.directory.staging)
                    }
                } catch {
                    SyncErrors.end(engine.directory, "an upload", error)
                }
                return .durable(object)
            }
            guard let settled else { throw RemoteError(.unknownUpload, "the upload was given up") }
            return settled
        } catch let error as RemoteError {
            throw error
        } catch {
            Log.error("an upload cannot be settled", ["error": "\(error)"])
            throw .broken
        }
    }

    private static func takeLease(_ file: borrowing Descriptor) throws(PosixError) -> Bool {
        do throws(PosixError) {
            try Lease.take(on: file)
            return true
        } catch {
            if error.isWouldBlock { return false }
            throw error
        }
    }

    /// - Returns: which object it is, where it is sealed as that.
    private static func check(
        _ file: borrowing Descriptor, byteCount: UInt64, _ directory: DataDirectory
    ) throws -> ObjectID? {
        let status = try FileIO.status(of: file)
        guard status.linkCount > 0 else {
            throw RemoteError(.unknownUpload, "the upload was given up")
        }
        let size = UInt64(clamping: status.size)
        if let sealing = directory.sealing?.contents {
            do {
                return try sealing.check(file, storedByteCount: size, byteCount: byteCount)
            } catch let error as SealError {
                throw RemoteError(
                    .invalid, "\(byteCount) bytes were announced, and what was staged: \(error)")
            }
        }
        guard size == byteCount else {
            throw RemoteError(.invalid, "\(size) bytes were staged, \(byteCount) announced")
        }
        return nil
    }

    /// Starts to write what came since `offset`, so that the last sync is short.
    /// - Returns: up to where.
    static func writeBehind(_ file: HandedDescriptor, from offset: Int64) -> Int64 {
        do {
            return try file.use { file in
                let size = try FileIO.status(of: file).size
                if size > offset {
                    try FileIO.startWriting(file, at: offset, count: size - offset)
                }
                return size
            } ?? offset
        } catch {
            // No promise hangs on it; the sync at the end tells what matters.
            Log.debug("write-behind failed", ["error": "\(error)"])
            return offset
        }
    }

    /// Closes the store's own descriptor, which may wait for the write-behind, and removes the file.
    static func remove(
        _ operation: OperationID, file: HandedDescriptor?, _ directory: DataDirectory
    ) {
        file?.close()
        do {
            _ = try Directory.removeIfPresent(
                ObjectName.staging(operation), in: directory.staging)
        } catch {
            Log.error("a staging file cannot be removed", ["error": "\(error)"])
        }
    }
}
