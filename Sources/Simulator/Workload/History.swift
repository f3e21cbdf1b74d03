import Model

/// One operation of one client, with what it was answered.
struct OperationRecord: Sendable {
    enum Kind: Sendable, Equatable {
        case put
        case putIfAbsent
        case putIfMatches(ContentNumber)
        case delete
        case deleteIfMatches(ContentNumber)
        case get
        /// Of the file whose own name a directory has, by the name that a listing told.
        case getBeside(Dot)
        case deleteBeside(Dot)
        /// From the node's own disk, unchecked.
        case getLocal
        case list
        /// Page after page of so many names.
        case listPages(limit: Int)
        case makeDirectory
        case removeDirectory
        /// To another path.
        case move(to: StorePath)
        case lock(LockFacts, seconds: UInt32)
        case refreshLock(ContentNumber, seconds: UInt32)
        case unlock(ContentNumber)
        /// Showing the token of a lock, or none.
        case guardedPut(ContentNumber?)
        case guardedDelete(ContentNumber?)
    }

    enum Outcome: Sendable, Equatable {
        case open
        case written(Version, copies: Int, exact: Bool)
        /// What was read: a put's content, and the version.
        case read(ContentNumber, Version)
        case notFound
        case conditionFailed(exact: Bool)
        case listed([ListedName])
        case refused
        case granted(fence: HybridTime, seconds: UInt32, exact: Bool)
        case unlocked(exact: Bool)
        case lockNotFound
        /// By a lock that is in the way.
        case locked
        /// A directory is at the path.
        case isDirectory
        /// Nobody knows whether it took effect, or will.
        case unknown
    }

    struct ListedName: Sendable, Equatable {
        var name: [UInt8]
        var isDirectory: Bool
    }

    /// Negative for what the world itself reads at the end.
    var client: Int
    var index: Int
    var kind: Kind
    var path: StorePath
    var operation = OperationID(bits: Bits128(high: 0, low: 0))
    /// The node that was asked last.
    var host = 0
    var invoked: Nanoseconds
    /// When the client knew the outcome; `.max` where it never did.
    var answered = Nanoseconds.max
    var attempts = 1
    var outcome = Outcome.open
    /// Acknowledged before its directory's entry was durable.
    var isListingPending = false
    /// Whether nothing was wrong with any host or link for a while before and during it.
    var isUndisturbed = false

    var content: ContentNumber { ContentNumber(client: client, index: index) }

    /// The version that was acknowledged.
    var written: Version? {
        if case .written(let version, _, _) = outcome { return version }
        return nil
    }

    /// Whether it certainly changed nothing. After several attempts a refusal says nothing of the
    /// earlier ones; the cluster makes them by itself where a coordinator does not answer in time.
    var hadNoEffect: Bool {
        guard changes else { return true }
        switch outcome {
        case .notFound, .conditionFailed, .refused, .isDirectory, .locked, .lockNotFound:
            return attempts == 1 && answered - invoked < Self.forwardedAgainAfter
        case .read, .listed: return true
        case .open, .unknown, .written, .granted, .unlocked: return false
        }
    }

    /// Sooner no node gives up on a coordinator (`ClusterLimits.forwardTimeout`, by its own clock).
    private static let forwardedAgainAfter = Nanoseconds.milliseconds(4_000)

    var changes: Bool {
        switch kind {
        case .get, .getBeside, .getLocal, .list, .listPages: false
        default: true
        }
    }

    /// Whether it puts content at its path.
    var isPut: Bool {
        switch kind {
        case .put, .putIfAbsent, .putIfMatches, .guardedPut: true
        default: false
        }
    }

    /// Whether it takes content away from its path.
    var isRemoval: Bool {
        switch kind {
        case .delete, .deleteBeside, .deleteIfMatches, .move, .guardedDelete: true
        default: false
        }
    }

    var isConditional: Bool {
        switch kind {
        case .putIfAbsent, .putIfMatches, .deleteIfMatches: true
        default: false
        }
    }
}

extension OperationRecord: CustomStringConvertible {
    var description: String {
        let who = client < 0 ? "final" : "c\(client).\(index)"
        let end = answered == .max ? "..." : answered.secondsText
        let times = attempts > 1 ? " (\(attempts) attempts)" : ""
        return "\(who) \(invoked.secondsText)-\(end) \(HostName.text(host)) \(kindText)"
            + " \(path) -> \(outcomeText)\(times)"
    }

    private var kindText: String {
        switch kind {
        case .put: "put"
        case .putIfAbsent: "put-if-absent"
        case .putIfMatches(let content): "put-if-matches(\(content))"
        case .delete: "delete"
        case .deleteIfMatches(let content): "delete-if-matches(\(content))"
        case .get: "get"
        case .getBeside(let dot): "get-beside(\(dot.shortText))"
        case .deleteBeside(let dot): "delete-beside(\(dot.shortText))"
        case .getLocal: "get-local"
        case .list: "list"
        case .listPages(let limit): "list-pages of \(limit)"
        case .makeDirectory: "make-directory"
        case .removeDirectory: "remove-directory"
        case .move(let destination): "move to \(destination)"
        case .lock(let lock, let seconds):
            "lock\(lock.isShared ? "-shared" : "")\(lock.isDeep ? "-deep" : "")"
                + "(\(lock.token), \(seconds) s)"
        case .refreshLock(let token, let seconds): "refresh-lock(\(token), \(seconds) s)"
        case .unlock(let token): "unlock(\(token))"
        case .guardedPut(let token): "guarded-put(\(token.map(\.description) ?? ""))"
        case .guardedDelete(let token): "guarded-delete(\(token.map(\.description) ?? ""))"
        }
    }

    private var outcomeText: String {
        switch outcome {
        case .open: "open"
        case .written(let version, let copies, let exact):
            "written \(version.shortText) on \(copies)\(exact ? "" : ", reachable only")"
        case .read(let content, let version): "\(content) \(version.shortText)"
        case .notFound: "not found"
        case .conditionFailed(let exact):
            "condition failed\(exact ? "" : ", reachable only")"
        case .listed(let names):
            "["
                + names.map {
                    String(decoding: $0.name, as: UTF8.self) + ($0.isDirectory ? "/" : "")
                }
                .joined(separator: " ") + "]"
        case .refused: "refused"
        case .granted(let fence, let seconds, let exact):
            "granted \(String(fence.value, radix: 16)) for \(seconds) s"
                + (exact ? "" : ", reachable only")
        case .unlocked(let exact): "unlocked\(exact ? "" : ", reachable only")"
        case .lockNotFound: "no such lock"
        case .locked: "locked"
        case .isDirectory: "is a directory"
        case .unknown: "unknown"
        }
    }
}

extension Version {
    /// Enough to tell versions of one run apart.
    var shortText: String { "\(dot.shortText)@\(String(time.value, radix: 16))" }
}

extension Dot {
    var shortText: String { "\(disk.hex.prefix(6)).\(sequence)" }
}

/// Everything that clients did, in the order of their beginnings.
struct History: Sendable {
    private(set) var records: [OperationRecord] = []
    /// All versions that disks ever made of a file, those that nobody heard of included.
    private(set) var made: [StorePath: [Made]] = [:]
    /// When the trace of a name that is gone went from a disk.
    private(set) var tracesDropped: [StorePath: [Nanoseconds]] = [:]

    struct Made {
        var version: Version
        var operation: OperationID
    }

    init(_ records: [OperationRecord] = []) { self.records = records }

    var count: Int { records.count }

    subscript(number: Int) -> OperationRecord {
        get { records[number] }
        set { records[number] = newValue }
    }

    /// - Returns: its number.
    mutating func append(_ record: OperationRecord) -> Int {
        records.append(record)
        return records.count - 1
    }

    mutating func noteMade(_ version: Version, by operation: OperationID, of path: StorePath) {
        made[path, default: []].append(Made(version: version, operation: operation))
    }

    mutating func noteTraceDropped(of path: StorePath, at time: Nanoseconds) {
        tracesDropped[path, default: []].append(time)
    }

    /// The operations on one path, in the order of their beginnings; moves to it among them.
    func on(_ path: StorePath) -> [OperationRecord] {
        records.filter { record in
            if case .move(let destination) = record.kind, destination == path { return true }
            return record.path == path
        }
    }

    /// The put that wrote `content`.
    func put(_ content: ContentNumber) -> OperationRecord? {
        records.first { $0.isPut && $0.content == content }
    }
}
