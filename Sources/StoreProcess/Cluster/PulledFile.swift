internal import Crypto
internal import Loop
internal import Model
internal import Posix
internal import Synchronization
internal import Transfer

/// Digests of contents that come from peers (SHA-256, FIPS 180-4).
enum ContentCheck {
    static func digest(of bytes: [UInt8]) -> Model.Digest {
        var hasher = SHA256()
        hasher.update(data: bytes)
        return digest(hasher)
    }

    fileprivate static func digest(_ hasher: SHA256) -> Model.Digest {
        guard let digest = Model.Digest(bytes: [UInt8](hasher.finalize())) else {
            preconditionFailure("a SHA-256 that is not 32 bytes")
        }
        return digest
    }
}

/// A staging file that a pull writes, in order, on the threads for files: one write at a time.
///
/// The digest is taken as the bytes come, so that the end of a large file is a sync and no reading.
final class PulledFile: Sendable {
    private struct State: ~Copyable {
        var file: Descriptor?
        var hasher = SHA256()
        var written: UInt64 = 0
    }

    let operation: OperationID
    private let state = Mutex(State())

    /// The name of the staging file of what is pulled: an operation's, which no client has, since its
    /// time is that of the object's random bits.
    init(_ object: ObjectID) { operation = PulledFile.operation(of: object) }

    static func operation(of object: ObjectID) -> OperationID { OperationID(bits: object.bits) }

    /// Appends; on a thread for files.
    /// - Returns: up to where the file goes now; nil where the disk is full or failed.
    func append(_ bytes: [UInt8], at offset: UInt64, _ directory: DataDirectory) -> UInt64? {
        state.withLock { state in
            do {
                guard offset == state.written else { return nil }
                if state.file == nil {
                    let free = try directory.freeByteCount()
                    guard free > StoreLimits.freeByteCountReserve + UInt64(bytes.count) else {
                        return nil
                    }
                    let file = try Directory.open(
                        ObjectName.staging(operation), in: directory.staging,
                        [.readWrite, .create])
                    try FileIO.truncate(file, to: 0)
                    state.file = consume file
                }
                guard let file = state.file.take() else { return nil }
                try FileIO.write(bytes, to: file, at: Int64(offset))
                state.file = consume file
                state.hasher.update(data: bytes)
                state.written = offset + UInt64(bytes.count)
                return state.written
            } catch {
                Log.error("a pulled content cannot be written", ["error": "\(error)"])
                return nil
            }
        }
    }

    /// Makes it durable where it is what it has to be; on a thread for files.
    func finish(_ facts: ContentFacts, _ engine: Engine) -> Bool {
        state.withLock { state in
            guard state.written == facts.byteCount,
                ContentCheck.digest(state.hasher) == facts.digest,
                let file = state.file.take()
            else {
                Log.warning("a pulled content is not what it has to be")
                return false
            }
            do {
                try engine.syncs.during {
                    try FileIO.sync(file)
                    try FileIO.sync(engine.directory.staging)
                }
            } catch {
                SyncErrors.end(engine.directory, "a pulled content", error)
            }
            return true
        }
    }

    /// From the start again: the file goes.
    func discard(_ directory: DataDirectory) {
        state.withLock { state in
            state = State()
            do {
                _ = try Directory.removeIfPresent(
                    ObjectName.staging(operation), in: directory.staging)
            } catch {
                Log.error("a staging file cannot be removed", ["error": "\(error)"])
            }
        }
    }
}
