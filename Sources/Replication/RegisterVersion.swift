package import Model

/// What a file's version says, beside who wrote it and when.
package struct FileFacts: Hashable, Sendable {
    package var byteCount: UInt64
    package var digest: Digest
    package var contentType: String
    package var created: Timestamp
    package var modified: Timestamp
    package var object: ObjectID
    package var home: Partition
    /// Dead properties, as who serves them wrote them; at most `FileProperties.byteCountMax` bytes.
    package var properties: [UInt8]

    /// Of a file that is about to be written by somebody who did not say: it has the time of the file
    /// before it, or else that of the write. It is on no disk and in no message.
    package static let createdAsBefore = Timestamp(nanoseconds: .min)

    /// Of a file that is about to be written: it has the properties of the file before it. Nobody
    /// writes such bytes as properties, which are text; they are on no disk and in no message.
    package static let propertiesAsBefore: [UInt8] = [0]

    package init(
        byteCount: UInt64, digest: Digest, contentType: String, created: Timestamp,
        modified: Timestamp, object: ObjectID, home: Partition, properties: [UInt8] = []
    ) {
        self.byteCount = byteCount
        self.digest = digest
        self.contentType = contentType
        self.created = created
        self.modified = modified
        self.object = object
        self.home = home
        self.properties = properties
    }

    /// The same file with other properties.
    package func described(by properties: [UInt8]) -> FileFacts {
        var facts = self
        facts.properties = properties
        return facts
    }
}

/// What a register holds.
package enum RegisterValue: Hashable, Sendable {
    indirect case file(FileFacts)
    /// A directory's explicit existence.
    case mark
    /// The same of one that has dead properties: never empty.
    case describedMark([UInt8])
    indirect case locks(LockSet)
    /// The tombstone of whichever it was.
    case deleted

    package var isDeleted: Bool { self == .deleted }

    package var facts: FileFacts? {
        if case .file(let facts) = self { return facts }
        return nil
    }

    /// Whether it is a directory's.
    package var isMark: Bool {
        switch self {
        case .mark, .describedMark: true
        case .file, .locks, .deleted: false
        }
    }

    /// Whether a disk that is full refuses it: a directory without more than its name it takes.
    var takesSpace: Bool {
        switch self {
        case .file: true
        case .describedMark(let properties): properties != FileFacts.propertiesAsBefore
        case .mark, .locks, .deleted: false
        }
    }

    package static func mark(properties: [UInt8]) -> RegisterValue {
        properties.isEmpty ? .mark : .describedMark(properties)
    }

    /// The dead properties of the file or directory.
    package var properties: [UInt8] {
        switch self {
        case .file(let facts): facts.properties
        case .describedMark(let properties): properties
        case .mark, .locks, .deleted: []
        }
    }
}

/// One version of a register: who wrote it, when, after what, and what.
package struct RegisterVersion: Hashable, Sendable {
    package var version: Version
    package var value: RegisterValue
    package var operation: OperationID

    package init(version: Version, value: RegisterValue, operation: OperationID) {
        self.version = version
        self.value = value
        self.operation = operation
    }

    package var dot: Dot { version.dot }
    package var rank: Rank { version.rank }

    /// Whether whoever wrote this version knew `other`.
    package func covers(_ other: RegisterVersion) -> Bool { version.context.contains(other.dot) }

    /// Whether this is of another operation, and its writer knew `attempt` and not `version`.
    func comesAfter(_ attempt: RegisterVersion, before version: RegisterVersion) -> Bool {
        operation != version.operation && covers(attempt) && !covers(version)
    }

    /// The record as clients and listings see it; nil where this is no file.
    package var record: FileRecord? {
        guard case .file(let facts) = value else { return nil }
        return FileRecord(
            version: version, byteCount: facts.byteCount, digest: facts.digest,
            contentType: facts.contentType, created: facts.created, modified: facts.modified,
            object: facts.object, home: facts.home, operation: operation,
            properties: .bytes(facts.properties))
    }
}

/// A version that was overwritten, deleted or lost a conflict, and is kept for a while.
package struct KeptVersion: Hashable, Sendable {
    package var version: RegisterVersion
    /// The clock of the version that superseded it, the earliest known: the keeping is counted
    /// from here.
    package var since: HybridTime
    /// Whether it lost against a version whose writer did not know it.
    package var isConflict: Bool
    /// Of a conflict: whether it was the newest version of some disk before it lost, so that a reader may
    /// have been told it. Then its operation is done. Disks may differ in this.
    package var tookEffect: Bool
    /// Whether its content is not wanted any more: somebody said so, or it is that of the version which
    /// took its place and changed the properties alone. Its name stays for a while, since an operation
    /// that is repeated is known by it; its properties do not.
    package var isPurged: Bool { didSet { dropProperties() } }

    package init(
        version: RegisterVersion, since: HybridTime, isConflict: Bool, tookEffect: Bool = false,
        isPurged: Bool = false
    ) {
        self.version = version
        self.since = since
        self.isConflict = isConflict
        self.tookEffect = tookEffect && isConflict
        self.isPurged = isPurged
        dropProperties()
    }

    /// Of what is never shown again, so that all disks that know it have the same.
    private mutating func dropProperties() {
        guard isPurged, case .file(let facts) = version.value, !facts.properties.isEmpty else {
            return
        }
        version.value = .file(facts.described(by: []))
    }

    /// Whether it was never the newest, as far as is known here: what it did may be done again, and it
    /// must not be acknowledged.
    package var isLost: Bool { isConflict && !tookEffect }

    package var dot: Dot { version.dot }

    /// Whether it is a file that was superseded in knowledge of it, and may be wanted back.
    var canComeBack: Bool { !isConflict && !isPurged && version.value.facts != nil }

    /// What another disk knows of the same version. Where it was overwritten knowingly it had taken effect,
    /// also if it lost elsewhere.
    mutating func join(_ other: KeptVersion) {
        since = min(since, other.since)
        let hasEffect = !isLost || !other.isLost
        isConflict = isConflict || other.isConflict
        tookEffect = isConflict && hasEffect
        isPurged = isPurged || other.isPurged
    }
}

/// The number of one attempt to decide a conditional write: higher wins, the node breaks ties
/// (Lamport, "Paxos Made Simple", 2001), and among a node's own operations, which may well go on
/// from the same round, a random number does.
package struct Ballot: Hashable, Comparable, Sendable {
    package var round: UInt64
    package var node: NodeID
    /// Of the operation: two under one ballot would each take the other's promises for its own.
    package var nonce: UInt64

    package init(round: UInt64, node: NodeID, nonce: UInt64 = 0) {
        self.round = round
        self.node = node
        self.nonce = nonce
    }

    package static func < (a: Ballot, b: Ballot) -> Bool {
        if a.round != b.round { return a.round < b.round }
        return a.node != b.node ? a.node < b.node : a.nonce < b.nonce
    }
}

/// What a holder remembers of ballots on one register (Rystsov, "CASPaxos: Replicated State
/// Machines without logs", 2018).
package struct BallotSlot: Hashable, Sendable {
    /// No lower ballot is accepted any more.
    package var promised: Ballot
    /// The version accepted under the highest ballot so far, chosen or not: invisible until a
    /// ballot has settled it.
    package var accepted: Accepted?
    /// The highest ballot whose outcome is known here: whatever was accepted under a lower one, and
    /// was not found by it, was not chosen.
    package var settled: Ballot?

    package struct Accepted: Hashable, Sendable {
        package var ballot: Ballot
        package var version: RegisterVersion

        package init(ballot: Ballot, version: RegisterVersion) {
            self.ballot = ballot
            self.version = version
        }
    }

    package init(promised: Ballot, accepted: Accepted? = nil, settled: Ballot? = nil) {
        self.promised = promised
        self.accepted = accepted
        self.settled = settled
    }

    /// Nothing is left to be settled.
    var isDone: Bool { accepted == nil && settled != nil }

    /// The outcome of `ballot` is known: what was accepted under it or a lower one is done with.
    mutating func settle(_ ballot: Ballot) {
        if let accepted, accepted.ballot <= ballot { self.accepted = nil }
        settled = settled.map { max($0, ballot) } ?? ballot
    }
}
