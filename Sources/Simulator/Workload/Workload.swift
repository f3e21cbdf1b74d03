import Cluster
import Model
import Replication

/// What clients do: each operation is drawn from a generator of its own, so that one that is left
/// out changes no other.
struct Workload {
    let options: SimulationOptions
    /// In every other run clients only read after a while: what was deleted stays deleted long
    /// enough for tombstones to go and for nodes that were away to come back.
    let writingEnd: Nanoseconds
    /// Whether a further client fills a directory with many names.
    let hasManyNames: Bool

    /// One run in so many has it: it takes its time.
    private static let manyNamesInterval = 4

    /// The paths that are written in the run.
    var files: [StorePath] { hasManyNames ? KeySpace.files + KeySpace.many : KeySpace.files }

    init(options: SimulationOptions) {
        self.options = options
        var choice = SplitMix64(seed: options.seed, purpose: 0x6D61_6E79_0000)
        hasManyNames =
            options.clientCount > 0 && options.nodeCount <= 32
            && choice.draw(below: Workload.manyNamesInterval) == 0
        var generator = SplitMix64(seed: options.seed, purpose: 0x656E_6400)
        let part = generator.draw(300...600)
        writingEnd =
            generator.chance(perMille: 500) ? options.length / 1000 * part : options.length
    }

    struct Choice {
        var kind: OperationRecord.Kind
        var path: StorePath
        /// Before the next one.
        var thinkTime: Nanoseconds
        /// See `LockWorkload.Choice`.
        var dies = false
    }

    /// - Parameters:
    ///   - time: since clients began.
    ///   - held: the lock that it has, as far as it knows.
    ///   - seen: what the client saw at a path last.
    ///   - beside: a file that the client found listed beside a directory of its name.
    func operation(
        client: Int, index: Int, at time: Nanoseconds, held: HeldLock? = nil,
        seen: (StorePath) -> ContentNumber?, beside: Client.Beside? = nil
    ) -> Choice {
        var generator = SplitMix64(
            seed: options.seed, purpose: 0x6F70_0000_0000 &+ UInt64(client), number: UInt64(index))
        let think = generator.exponential(mean: options.thinkTime)
        if client == options.clientCount + options.lockClientCount {
            return manyNames(index, isWriting: time <= writingEnd, think, &generator)
        }
        if client >= options.clientCount {
            let choice = LockWorkload.choice(
                &generator, number: ContentNumber(client: client, index: index), held: held)
            return Choice(
                kind: time > writingEnd ? .get : choice.kind,
                path: time > writingEnd ? KeySpace.locked[0] : choice.path,
                thinkTime: think + .milliseconds(1), dies: choice.dies)
        }
        let roll = generator.draw(below: 100)
        // Half of all goes to three files: contention finds more than breadth.
        let plain =
            generator.chance(perMille: 500)
            ? KeySpace.contended[generator.draw(below: 3) * 4]
            : KeySpace.contended[generator.draw(below: KeySpace.contended.count)]
        let moved = KeySpace.moved[generator.draw(below: KeySpace.moved.count)]
        let file = generator.chance(perMille: 800) ? plain : moved
        let marked = KeySpace.marked[generator.draw(below: KeySpace.marked.count)]
        let directory = KeySpace.directories[generator.draw(below: KeySpace.directories.count)]
        var kind: OperationRecord.Kind
        var path = file
        switch roll {
        case 0..<32: kind = .get
        case 32..<34: kind = .getLocal
        case 34..<56: kind = .put
        case 56..<65: kind = .delete
        case 65..<70:
            kind = .putIfAbsent
            path = plain
        case 70..<81:
            path = plain
            kind = seen(path).map { .putIfMatches($0) } ?? .putIfAbsent
        case 81..<84:
            path = plain
            kind = seen(path).map { .deleteIfMatches($0) } ?? .get
        case 84..<90:
            path = directory
            kind = .list
            if generator.chance(perMille: 500) {
                kind = .listPages(limit: Int(generator.draw(1...7)))
            }
        case 90..<93:
            kind = .makeDirectory
            path = marked
        case 93..<95:
            kind = .removeDirectory
            path = marked
        default:
            path = moved
            let others = KeySpace.moved.filter { $0 != moved }
            kind = .move(to: others[generator.draw(below: others.count)])
        }
        if generator.chance(perMille: 200) { (kind, path) = shared(&generator) }
        if let beside, kind == .get {
            path = beside.path
            kind =
                generator.chance(perMille: 400) ? .deleteBeside(beside.dot) : .getBeside(beside.dot)
        }
        if time > writingEnd, !kind.isListing { kind = .get }
        return Choice(kind: kind, path: path, thinkTime: think + .milliseconds(1))
    }

    /// What the client does that fills the large directory: all names as fast as it can, then now
    /// and then one goes or comes, and all are listed.
    private func manyNames(
        _ index: Int, isWriting: Bool, _ think: Nanoseconds, _ generator: inout SplitMix64
    ) -> Choice {
        let path = KeySpace.many[generator.draw(below: KeySpace.many.count)]
        if isWriting, index < KeySpace.many.count {
            return Choice(
                kind: .put, path: KeySpace.many[index], thinkTime: .milliseconds(20) + think / 50)
        }
        let kind: OperationRecord.Kind
        switch generator.draw(below: 10) {
        case 0..<2 where isWriting: kind = .put
        case 2..<4 where isWriting: kind = .delete
        case 0..<5: kind = .get
        default:
            let limits = [3, 20, 64, 70, 150]
            let limit = limits[generator.draw(below: limits.count)]
            return Choice(
                kind: .listPages(limit: limit), path: KeySpace.manyDirectory, thinkTime: think)
        }
        return Choice(kind: kind, path: path, thinkTime: think + .milliseconds(1))
    }

    /// On names that are now a file's and now a directory's: as much goes as comes, so that they are
    /// free for either again and again.
    private func shared(
        _ generator: inout SplitMix64
    ) -> (OperationRecord.Kind, StorePath) {
        let file = KeySpace.shared[generator.draw(below: KeySpace.shared.count)]
        let mark = KeySpace.sharedMarks[generator.draw(below: KeySpace.sharedMarks.count)]
        return switch generator.draw(below: 100) {
        case 0..<30: (.put, file)
        case 30..<60: (.delete, file)
        case 60..<68: (.makeDirectory, mark)
        case 68..<76: (.removeDirectory, mark)
        case 76..<84: (.get, file)
        default: (.list, .root)
        }
    }

    /// How a node is asked for it.
    static func request(for record: OperationRecord) -> ClientRequest {
        let content = FileContent(
            byteCount: record.content.value & 0xFFFF, digest: record.content.digest,
            contentType: "text/plain", modified: nil,
            object: ObjectID(bits: Bits128(high: 0x6F62_6A00, low: record.content.value)))
        switch record.kind {
        case .put: return .put(record.path, content, .none, record.operation)
        case .putIfAbsent: return .put(record.path, content, .absent, record.operation)
        case .putIfMatches(let other):
            return .put(record.path, content, .matches([other.digest]), record.operation)
        case .delete: return .delete(record.path, .none, record.operation)
        case .deleteIfMatches(let other):
            return .delete(record.path, .matches([other.digest]), record.operation)
        case .get: return .get(record.path, .checked)
        case .getBeside(let dot): return .get(record.path.beside(dot), .checked)
        case .deleteBeside(let dot):
            return .delete(record.path.beside(dot), .none, record.operation)
        case .getLocal: return .get(record.path, .local)
        case .list: return .list(record.path, after: nil, limit: 1000)
        case .listPages(let limit): return .list(record.path, after: nil, limit: limit)
        case .makeDirectory: return .makeDirectory(record.path, record.operation)
        case .removeDirectory: return .removeDirectory(record.path, record.operation)
        case .move(let destination):
            return .move(record.path, to: destination, record.operation)
        case .lock, .refreshLock, .unlock, .guardedPut, .guardedDelete:
            guard let request = LockWorkload.request(for: record, content) else {
                preconditionFailure("no request about locks: \(record)")
            }
            return request
        }
    }

    static func outcome(_ answer: ClientAnswer) -> OperationRecord.Outcome {
        if let outcome = LockWorkload.outcome(answer) { return outcome }
        return switch answer {
        case .written(let version, let copies, _, _, let exact):
            .written(version, copies: copies, exact: exact)
        case .file(let record): .read(ContentNumber(record.digest), record.version)
        case .listing(let entries, _):
            .listed(entries.map { .init(name: $0.name, isDirectory: $0.isDirectory) })
        case .notFound: .notFound
        case .conditionFailed(let exact): .conditionFailed(exact: exact)
        case .directoryNotEmpty, .notADirectory, .lockGranted, .unlocked, .locks, .locked,
            .lockNotFound, .tooManyLocks, .lockSet, .lockDecision:
            .refused
        case .isDirectory: .isDirectory
        case .unavailable: .unknown
        case .done, .refused, .history, .mark: .refused
        }
    }
}

/// A client between its operations, or waiting for one.
struct Client {
    enum Stage { case thinking, waiting, pausing, stopped }

    let number: Int
    let home: Int
    var stage = Stage.thinking
    /// Events of earlier steps are void.
    var step: UInt32 = 0
    var nextIndex = 0
    /// The operation under way: its number in the history.
    var record = 0
    var ticket: UInt64 = 0
    var thinkTime: Nanoseconds = 0
    /// For what depends on answers: whether and where to repeat.
    var generator: SplitMix64
    var held: HeldLock?
    /// By path, what was seen there last.
    var seen: [StorePath: ContentNumber] = [:]
    /// What it found last.
    var beside: Beside?

    struct Beside: Equatable {
        var path: StorePath
        var dot: Dot
    }
    /// What the pages of the listing under way have shown.
    var listed: [ListedEntry] = []

    /// A listing of more pages goes on for ever.
    static let listedCountMax = 4096

    static let timeout: Nanoseconds = .seconds(20)
    static let attemptsMax = 4
}

extension StorePath {
    /// Where the file of this path is listed when a directory has its name.
    func beside(_ dot: Dot) -> StorePath {
        guard let parent, let path = try? parent.appending(ConflictName(of: name, at: dot).bytes)
        else { preconditionFailure("no file's path: \(self)") }
        return path
    }
}

extension OperationRecord.Kind {
    fileprivate var isListing: Bool {
        switch self {
        case .list, .listPages: true
        default: false
        }
    }
}
