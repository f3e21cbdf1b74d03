import Model
import Replication

/// `available`: an acknowledged write was durable on as many disks as its answer says when it was
/// answered; `majority`: on more than half of the holders of each layout in use. And at the end it
/// is somewhere, or something that knew it is.
struct AcknowledgedWritesAreDurable {
    static let name = "AcknowledgedWritesAreDurable"

    let policy: WritePolicy

    /// - Parameters:
    ///   - holding: disks on which the version was durable at that moment.
    ///   - isMajority: whether more than half of the holders are among them.
    func acknowledged(
        _ record: OperationRecord, holding: Int, isMajority: Bool, at time: Nanoseconds
    ) -> Violation? {
        guard case .written(_, let copies, _) = record.outcome else { return nil }
        if copies < 1 || holding < copies {
            return Violation(
                Self.name, at: time,
                "acknowledged on \(copies) copies, durable on \(holding) disks", [record])
        }
        if policy == .majority, !isMajority {
            return Violation(
                Self.name, at: time,
                "acknowledged under majority, durable on \(holding) disks that are no majority"
                    + " of the holders", [record])
        }
        return nil
    }

    /// What was acknowledged and is neither on a disk, nor known to anything that is, and that no
    /// disk ever took in.
    static func check(_ history: History, _ final: FinalState) -> [Violation] {
        LostWrites.find(history, final).filter { !$0.wasTakenIn }.map { lost in
            Violation(
                name, at: final.time, "acknowledged, and on no disk in the end",
                [lost.record] + lost.context)
        }
    }
}

/// Acknowledged writes that are not where they should be at the end.
enum LostWrites {
    struct Lost {
        let record: OperationRecord
        /// Whether some disk that stayed had taken it in, and so threw it away.
        let wasTakenIn: Bool
        /// Other operations on the path.
        let context: [OperationRecord]
    }

    static func find(_ history: History, _ final: FinalState) -> [Lost] {
        var lost: [Lost] = []
        for file in final.files {
            let records = history.on(file.path)
            let acknowledged = records.filter { $0.written != nil && $0.writtenPath == file.path }
            let versions = file.versions
            let made = history.made[file.path] ?? []
            let contexts = known(
                versions.map(\.version) + acknowledged.compactMap(\.written), among: made)
            for record in acknowledged where record.writesContent(to: file.path) {
                guard let version = record.written else { continue }
                let isThere = versions.contains {
                    $0.dot == version.dot || $0.operation == record.operation
                }
                if isThere { continue }
                // What came on top of another attempt at the operation came on top of the operation.
                let attempts =
                    [version.dot]
                    + made.filter { $0.operation == record.operation }.map(\.version.dot)
                let isCovered = contexts.contains { other in
                    !attempts.contains(other.dot)
                        && attempts.contains { other.context.contains($0) }
                }
                if isCovered { continue }
                lost.append(
                    Lost(
                        record: record,
                        wasTakenIn: file.copies.contains { $0.context.contains(version.dot) },
                        context: Array(records.filter(\.changes).suffix(6))))
            }
        }
        return lost
    }

    /// `versions`, and of those that were made what they came on top of, and so on: such a version was
    /// the newest once, also where its client heard nothing and it has expired since.
    private static func known(_ versions: [Version], among made: [History.Made]) -> [Version] {
        var known = versions
        var rest = made.map(\.version)
        var next = 0
        while next < known.count {
            let context = known[next].context
            known += rest.filter { context.contains($0.dot) }
            rest.removeAll { context.contains($0.dot) }
            next += 1
        }
        return known
    }
}

extension OperationRecord {
    /// The path that the acknowledged version is at.
    var writtenPath: StorePath {
        if case .move(let destination) = kind { return destination }
        return path
    }

    func writesContent(to path: StorePath) -> Bool {
        switch kind {
        case .put, .putIfAbsent, .putIfMatches, .guardedPut: self.path == path
        case .move(let destination): destination == path
        default: false
        }
    }
}
