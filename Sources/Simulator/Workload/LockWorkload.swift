import Cluster
import Model
import Replication

/// What clients do that take locks: on paths of their own, where only guarded writes are done.
/// Now and then one dies, as far as the cluster sees: it never says anything of its lock again.
enum LockWorkload {
    /// How many such clients there are, in a run that has them.
    static let clientCount = 4
    /// Runs of which one has locks: the others are as they would be without.
    static let period: UInt64 = 3

    struct Choice {
        var kind: OperationRecord.Kind
        var path: StorePath
        /// Whether the client dies first, and is another one from then on.
        var dies = false
    }

    /// - Parameter held: the lock that the client has, as far as it knows.
    static func choice(
        _ generator: inout SplitMix64, number: ContentNumber, held: HeldLock?
    ) -> Choice {
        let file = KeySpace.locked[generator.draw(below: KeySpace.locked.count)]
        let seconds = UInt32(generator.draw(5...40))
        let roll = generator.draw(below: 100)
        let isDeep = generator.chance(perMille: 150)
        let isShared = generator.chance(perMille: 250)
        let take = Choice(
            kind: .lock(
                LockFacts(token: number, isShared: isShared, isDeep: isDeep), seconds: seconds),
            path: isDeep ? KeySpace.lockedDirectory : file)
        guard let held else {
            switch roll {
            case 0..<35: return take
            case 35..<75: return Choice(kind: .guardedPut(nil), path: file)
            case 75..<85: return Choice(kind: .guardedDelete(nil), path: file)
            default: return Choice(kind: .get, path: file)
            }
        }
        let covered = held.lock.isDeep ? KeySpace.locked[0] : held.path
        switch roll {
        case 0..<40: return Choice(kind: .guardedPut(held.lock.token), path: covered)
        case 40..<50: return Choice(kind: .guardedDelete(held.lock.token), path: covered)
        case 50..<65:
            return Choice(kind: .refreshLock(held.lock.token, seconds: seconds), path: held.path)
        case 65..<85: return Choice(kind: .unlock(held.lock.token), path: held.path)
        case 85..<87: return Choice(kind: .get, path: file, dies: true)
        default: return Choice(kind: .get, path: covered)
        }
    }

    /// How a node is asked for it; nil where the operation is another.
    static func request(for record: OperationRecord, _ content: FileContent) -> ClientRequest? {
        let operation = record.operation
        switch record.kind {
        case .lock(let lock, let seconds):
            let request = LockRequest(
                token: lock.token.lockToken, owner: Array("\(record.client)".utf8),
                scope: lock.isShared ? .shared : .exclusive,
                depth: lock.isDeep ? .infinity : .zero, seconds: seconds)
            return .lock(record.path, request, operation)
        case .refreshLock(let token, let seconds):
            return .refreshLock(record.path, token.lockToken, seconds: seconds, operation)
        case .unlock(let token): return .unlock(record.path, token.lockToken, operation)
        case .guardedPut(let token):
            return .guarded(
                .put(record.path, content, .none, operation), tokens: token.lockTokens)
        case .guardedDelete(let token):
            return .guarded(.delete(record.path, .none, operation), tokens: token.lockTokens)
        default: return nil
        }
    }

    /// Nil where the answer is none about locks.
    static func outcome(_ answer: ClientAnswer) -> OperationRecord.Outcome? {
        switch answer {
        case .lockGranted(let lock, _, let exact):
            .granted(fence: lock.fence, seconds: lock.seconds, exact: exact)
        case .unlocked(let exact): .unlocked(exact: exact)
        case .locked: .locked
        case .lockNotFound: .lockNotFound
        case .locks, .tooManyLocks, .lockSet, .lockDecision: .refused
        default: nil
        }
    }
}

/// A lock as its client asked for it; the number of the operation that did is its token.
struct LockFacts: Sendable, Equatable {
    var token: ContentNumber
    var isShared = false
    /// Whether it covers all below its path.
    var isDeep = false
}

/// The lock that a client has, as far as it knows.
struct HeldLock {
    var lock: LockFacts
    var path: StorePath
    /// Until then by the client's own count.
    var until: Nanoseconds
}

extension ContentNumber {
    var lockToken: LockToken { LockToken(bits: Bits128(high: 0x6C6F_636B, low: value)) }
}

extension ContentNumber? {
    fileprivate var lockTokens: [LockToken] { map { [$0.lockToken] } ?? [] }
}

extension Client {
    /// What an answer means for the lock that the client has.
    mutating func noteLock(_ record: OperationRecord) {
        switch (record.kind, record.outcome) {
        case (.lock(let lock, _), .granted(_, let seconds, _)):
            let until = record.invoked + .seconds(Int64(seconds))
            held = HeldLock(lock: lock, path: record.path, until: until)
        case (.refreshLock, .granted(_, let seconds, _)):
            held?.until = record.invoked + .seconds(Int64(seconds))
        // Whether it is released nobody knows, or it is over.
        case (.unlock, _), (.refreshLock, .lockNotFound): held = nil
        case (.guardedPut(_?), .conditionFailed), (.guardedDelete(_?), .conditionFailed): held = nil
        default: break
        }
    }
}
