internal import Crypto
internal import Loop
internal import Model
internal import Posix
internal import Sealing
internal import Synchronization
internal import Transfer

/// Digests of contents that come from peers (SHA-256, FIPS 180-4).
enum ContentCheck {
    static func digest(of bytes: [UInt8]) -> Model.Digest {
        var hasher = SHA256()
        hasher.update(data: bytes)
        return digest(hasher)
    }

    /// Of a stored content, read in pieces.
    static func digest(of content: StoredContent) throws -> Model.Digest {
        var hasher = SHA256()
        var offset: UInt64 = 0
        while offset < content.byteCount {
            let end = min(content.byteCount, offset + UInt64(StoreLimits.hashedByteCount))
            hasher.update(data: try content.read(offset..<end))
            offset = end
        }
        return digest(hasher)
    }

    fileprivate static func digest(_ hasher: SHA256) -> Model.Digest {
        guard let digest = Model.Digest(bytes: [UInt8](hasher.finalize())) else {
            preconditionFailure("a SHA-256 that is not 32 bytes")
        }
        return digest
    }
}

/// A staging file that gateways write while a content is fetched.
///
/// The digest is taken as the bytes come, so that the end of a large file is a sync and no reading.
final class PulledFile: Sendable {
    /// What became of it.
    enum End: UInt64 {
        case bad = 0
        /// What it has to be, durable, and nobody can write to it.
        case good = 1
        /// A gateway has it open for writing.
        case isBeingWritten = 2
    }

    private struct State: ~Copyable {
        /// Open for reading.
        var file: Descriptor?
        /// Where it is sealed.
        var opener: ContentOpener?
        var hasher = SHA256()
        var hashed: UInt64 = 0
    }

    let operation: OperationID
    private let object: ObjectID
    private let state = Mutex(State())

    /// The name of the staging file of what is pulled: an operation's, which no client has, since its
    /// time is that of the object's random bits.
    init(_ object: ObjectID) {
        self.object = object
        operation = PulledFile.operation(of: object)
    }

    static func operation(of object: ObjectID) -> OperationID { OperationID(bits: object.bits) }

    /// A descriptor for a gateway; on a thread for files.
    /// - Parameters:
    ///   - byteCount: what it is about to write. What others have is no reason to take the room that
    ///     this disk needs for its own work.
    ///   - endsContent: whether that goes up to the content's end.
    /// - Returns: nil where the disk is full or failed.
    func openForWriting(
        _ engine: Engine, byteCount: UInt64, endsContent: Bool
    ) -> Staging? {
        let needed = engine.contents.byteCountToStage(byteCount)
        return open(engine.directory, engine.space, needed, endsContent: endsContent)
    }

    private func open(
        _ directory: DataDirectory, _ space: SpaceRules, _ needed: UInt64, endsContent: Bool
    ) -> Staging? {
        state.withLock { state in
            do {
                let free = try directory.freeByteCount()
                guard space.hasRoom(for: needed, free: free) else { return nil }
                let name = ObjectName.staging(operation)
                let writer = try Directory.open(
                    name, in: directory.staging, [.readWrite, .create])
                if state.file == nil {
                    try FileIO.truncate(writer, to: 0)
                    state.file = try Directory.open(name, in: directory.staging)
                }
                guard let sealing = directory.sealing?.contents else {
                    return Staging(HandedDescriptor(writer), nil)
                }
                let key = try sealing.begin(in: writer, object).key
                state.opener = try ContentOpener(key.header, of: object, sealing.ring)
                return Staging(HandedDescriptor(writer), key, endsContent: endsContent)
            } catch {
                Log.error("a content cannot be fetched", ["error": "\(error)"])
                return nil
            }
        }
    }

    /// Takes bytes that are there into the digest, and lets the disk begin to write them.
    func checkAhead(upTo end: UInt64) {
        state.withLock { state in
            do {
                let start = state.hashed
                try PulledFile.hash(&state, upTo: end, of: nil)
                guard state.hashed > start else { return }
                let layout = state.opener?.layout
                let range = layout?.run(
                    covering: start..<state.hashed, of: layout?.contentByteCountMax ?? 0
                ).stored
                try PulledFile.startWriting(state.file, range ?? start..<state.hashed)
            } catch {
                // The end tells what matters.
                Log.debug("a fetched content cannot be read", ["error": "\(error)"])
            }
        }
    }

    /// - Parameter byteCount: of the whole content; nil while more is to come.
    private static func hash(
        _ state: inout State, upTo end: UInt64, of byteCount: UInt64?
    ) throws {
        var end = end
        if let layout = state.opener?.layout, byteCount == nil {
            // What of a chunk is there is sealed when the rest of it comes.
            let size = UInt64(layout.chunkByteCount)
            end = end / size * size
        }
        while state.hashed < end {
            let count = Int(min(UInt64(StoreLimits.hashedByteCount), end - state.hashed))
            let bytes = try PulledFile.read(state, count, of: byteCount)
            if bytes.isEmpty { break }
            state.hasher.update(data: bytes)
            state.hashed += UInt64(bytes.count)
        }
    }

    /// The next bytes of the content.
    private static func read(
        _ state: borrowing State, _ count: Int, of byteCount: UInt64?
    ) throws -> [UInt8] {
        let offset = state.hashed
        switch state.file {
        case .some(let file):
            guard let opener = state.opener else {
                return try FileIO.read(file, count: count, at: Int64(offset))
            }
            return try opener.read(
                offset..<offset + UInt64(count), of: byteCount ?? opener.layout.contentByteCountMax,
                in: file)
        case .none: return []
        }
    }

    /// Makes it durable where it is what it has to be; on a thread for files.
    func finish(_ facts: ContentFacts, _ engine: Engine) -> End {
        state.withLock { state in
            do {
                guard try PulledFile.hasNoWriter(state.file) else { return .isBeingWritten }
                try PulledFile.hash(&state, upTo: facts.byteCount, of: facts.byteCount)
            } catch {
                Log.error("a fetched content cannot be read", ["error": "\(error)"])
                return .bad
            }
            guard state.hashed == facts.byteCount,
                ContentCheck.digest(state.hasher) == facts.digest, let file = state.file.take()
            else {
                Log.warning("a fetched content is not what it has to be")
                return .bad
            }
            do {
                try engine.syncs.during {
                    try FileIO.sync(file)
                    try FileIO.sync(engine.directory.staging)
                }
            } catch {
                SyncErrors.end(engine.directory, "a fetched content", error)
            }
            return .good
        }
    }

    private static func startWriting(
        _ file: borrowing Descriptor?, _ range: Range<UInt64>
    ) throws(PosixError) {
        switch file {
        case .some(let file):
            try FileIO.startWriting(
                file, at: Int64(range.lowerBound), count: Int64(range.upperBound - range.lowerBound)
            )
        case .none: break
        }
    }

    private static func hasNoWriter(_ file: borrowing Descriptor?) throws(PosixError) -> Bool {
        switch file {
        case .some(let file): try Lease.hasNoWriter(file)
        case .none: true
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
