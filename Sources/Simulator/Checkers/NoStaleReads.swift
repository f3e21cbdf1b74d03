import Model
import Replication

/// No checked read returns something older than what was acknowledged, or read, before it began.
///
/// Older is what ranks below; unless its writer began after the other was known: then it came later,
/// whatever its clock said (a deletion whose tombstone went has no rank to be above any more).
/// Under `majority` each finding is a violation. Under `available` it is one where the reader could
/// reach a disk with the newer version, which the world decides.
struct NoStaleReads {
    static let name = "NoStaleReads"
    /// Under `available`: how long the link must have been fair before the read.
    static let fairTime: Nanoseconds = .seconds(10)

    struct Newest {
        var version: Version
        /// When it was known to a client.
        var known: Nanoseconds
        /// Whether it took the content away.
        var isRemoval: Bool
        var record: OperationRecord
        /// Disks on which it was durable when it was acknowledged, and as the read began.
        var holding: [Int]
    }

    struct Suspicion {
        let read: OperationRecord
        let newer: Newest

        func violation(at time: Nanoseconds, why: String) -> Violation {
            Violation(
                NoStaleReads.name, at: time,
                "a read is older than what was \(newer.record.changes ? "acknowledged" : "read")"
                    + " before it began" + why, [newer.record, read])
        }
    }

    private struct Put {
        var invoked: Nanoseconds
        var path: StorePath
    }

    /// By path: the newest version known to any client. Never iterated.
    private var newest: [StorePath: Newest] = [:]
    /// By the read's number in the history: what was the newest as it began.
    private var floors: [Int: Newest] = [:]
    /// When the put of each content began.
    private var puts: [ContentNumber: Nanoseconds] = [:]
    /// By path: changes that take content away, as they began; settled ones with their end.
    private var removals: [StorePath: [Int]] = [:]
    private var records: [Int: OperationRecord] = [:]
    private var isMoved: Set<StorePath> = Set(KeySpace.moved)

    func newest(at path: StorePath) -> Newest? { newest[path] }

    /// - Parameter holding: of the disks that had the newest version, those that have it now: one
    ///   that gets it back while the read goes on may have answered before.
    mutating func began(_ number: Int, _ record: OperationRecord, holding: [Int]) {
        if record.kind == .get {
            floors[number] = newest[record.path]
            floors[number]?.holding = holding
        }
        if record.isPut, puts[record.content] == nil { puts[record.content] = record.invoked }
        if record.isRemoval, records[number] == nil {
            removals[record.path, default: []].append(number)
            records[number] = record
        }
    }

    mutating func acknowledged(
        _ record: OperationRecord, version: Version, holding: [Int], at time: Nanoseconds
    ) {
        switch record.kind {
        case .makeDirectory, .removeDirectory: return
        default: break
        }
        know(
            Newest(
                version: version, known: time,
                isRemoval: record.isRemoval && record.writtenPath == record.path,
                record: record, holding: holding),
            at: record.writtenPath)
    }

    private mutating func know(_ candidate: Newest, at path: StorePath) {
        if let old = newest[path], candidate.version.rank <= old.version.rank { return }
        newest[path] = candidate
    }

    mutating func ended(_ number: Int, _ record: OperationRecord) -> Suspicion? {
        if record.isRemoval { records[number] = record }
        let floor = floors.removeValue(forKey: number)
        guard record.kind == .get else { return nil }
        switch record.outcome {
        case .read(let content, let version):
            defer {
                know(
                    Newest(
                        version: version, known: record.answered, isRemoval: false,
                        record: record,
                        holding: floor?.version.dot == version.dot
                            ? floor?.holding ?? [] : []),
                    at: record.path)
            }
            guard let floor, version.rank < floor.version.rank,
                version.dot != floor.version.dot
            else { return nil }
            // A move keeps the content and makes a version of its own: nothing is known of when.
            if isMoved.contains(record.path) {
                guard floor.version.context.contains(version.dot) else { return nil }
            } else if let began = puts[content], began >= floor.known {
                return nil
            }
            return Suspicion(read: record, newer: floor)
        case .notFound:
            guard let floor, !floor.isRemoval, !isRemovalPossible(record, floor) else {
                return nil
            }
            return Suspicion(read: record, newer: floor)
        default: return nil
        }
    }

    /// Whether something may have removed the floor before the read ended.
    private func isRemovalPossible(_ read: OperationRecord, _ floor: Newest) -> Bool {
        for number in removals[read.path] ?? [] {
            guard let removal = records[number] else { continue }
            if removal.invoked > read.answered || removal.hadNoEffect { continue }
            if case .move = removal.kind { return true }
            guard let version = removal.written else { return true }
            if version.rank > floor.version.rank || removal.answered > floor.record.invoked {
                return true
            }
        }
        return false
    }
}

extension Rank {
    static func <= (a: Rank, b: Rank) -> Bool { !(b < a) }
}
