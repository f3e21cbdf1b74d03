internal import Model
internal import Posix
internal import Sealing

/// Any kind of storage, encrypted: what it stores are sealed contents. It knows nothing of that.
final class SealedContents: ContentStore {
    private let inner: any ContentStore
    private let sealing: ContentSealing

    init(_ inner: any ContentStore, _ sealing: ContentSealing) {
        self.inner = inner
        self.sealing = sealing
    }

    func open(_ object: ObjectID) throws -> StoredContent? {
        guard let stored = try inner.open(object) else { return nil }
        return try sealing.open(stored, of: object)
    }

    /// Counts the bytes as they are stored.
    func list(after object: ObjectID?, limit: Int) throws -> [ListedObject] {
        try inner.list(after: object, limit: limit)
    }

    func strangers(limit: Int) throws -> [String] { try inner.strangers(limit: limit) }

    var copyFactor: UInt64 { inner.copyFactor }

    func makeKeeper() throws -> any ContentKeeper {
        SealedKeeper(try inner.makeKeeper(), sealing)
    }

    /// Staging files are sealed already.
    func recover(_ staged: BytePath, as object: ObjectID) throws -> Bool {
        try inner.recover(staged, as: object)
    }
}

/// The housekeeper's side of it.
private final class SealedKeeper: ContentKeeper {
    private let inner: any ContentKeeper
    private let sealing: ContentSealing
    /// What is being copied, in its sealed form: one header for all of it.
    private var copying: (object: ObjectID, sealed: SealingContent)?

    init(_ inner: any ContentKeeper, _ sealing: ContentSealing) {
        self.inner = inner
        self.sealing = sealing
    }

    func write(_ content: NewObject) throws { try inner.write(sealing.sealed(content)) }

    /// Staging files are sealed already, under the object's id.
    func adopt(_ staged: BytePath, as object: ObjectID, budget: inout Int) throws -> Bool {
        try inner.adopt(staged, as: object, budget: &budget)
    }

    func copy(
        _ content: StoredContent, as object: ObjectID, modified: Timestamp, budget: inout Int
    ) throws -> Bool {
        let sealed: SealingContent
        if let copying, copying.object == object {
            sealed = copying.sealed
        } else {
            sealed = SealingContent(content, sealing.begin(object))
        }
        let isDone = try inner.copy(
            .ranges(sealed), as: object, modified: ContentSealing.modified, budget: &budget)
        copying = isDone ? nil : (object, sealed)
        return isDone
    }

    func remove(_ object: ObjectID) throws { try inner.remove(object) }

    func quarantine(_ object: ObjectID) throws { try inner.quarantine(object) }

    func sync() throws { try inner.sync() }

    var needsMaintenance: Bool { inner.needsMaintenance }

    func maintain() throws { try inner.maintain() }
}

/// The sealed form of a content that is not sealed, made as it is read. The same bytes whenever they are
/// read, as the content does not change.
struct SealingContent: RangedContent {
    private let content: StoredContent
    private let key: ContentKey
    private let layout = SealedLayout.standard

    init(_ content: StoredContent, _ key: ContentKey) {
        self.content = content
        self.key = key
    }

    var byteCount: UInt64 { layout.storedByteCount(of: content.byteCount) }

    func read(_ range: Range<UInt64>) throws -> [UInt8] {
        let run = layout.run(coveringStored: range, of: content.byteCount)
        var out: [UInt8] = run.stored.lowerBound == 0 ? key.header : []
        var sealer = try ContentSealer(key, chunk: run.firstChunk)
        sealer.seal(try content.read(run.content), into: &out)
        if run.endsContent {
            sealer.finish(into: &out)
        } else {
            sealer.flush(into: &out)
        }
        let start = Int(range.lowerBound - run.stored.lowerBound)
        return Array(out[start..<start + Int(range.upperBound - range.lowerBound)])
    }
}
