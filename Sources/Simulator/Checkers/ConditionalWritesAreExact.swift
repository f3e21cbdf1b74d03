import Model
import Replication

/// Conditional writes are decided as if one after the other: of those that say they were exact, no
/// two replaced the same content, and none was refused that nothing explains; and under `majority`
/// each is exact and the whole history of each path is that of one register (linearizable).
enum ConditionalWritesAreExact {
    static let name = "ConditionalWritesAreExact"

    static func check(
        _ history: History, _ policy: WritePolicy, _ time: Nanoseconds
    ) -> [Violation] {
        var violations: [Violation] = []
        for path in KeySpace.plain {
            let records = history.on(path)
            violations += chains(records, time)
            violations += refusals(records, policy, time)
            if policy == .majority, case .contradiction(let last) = Linearizability.check(records) {
                violations.append(
                    Violation(
                        name, at: time, "no order of operations on \(path) explains the answers",
                        around(last, records)))
            }
        }
        return violations
    }

    /// Histories of paths that were too long to decide on.
    static func undecidedCount(_ history: History, _ policy: WritePolicy) -> Int {
        guard policy == .majority else { return 0 }
        return KeySpace.plain.count {
            if case .undecided = Linearizability.check(history.on($0)) { return true }
            return false
        }
    }

    /// What came to an end or went on shortly before the answer that nothing explains.
    private static func around(
        _ last: OperationRecord, _ records: [OperationRecord]
    ) -> [OperationRecord] {
        Array(records.filter { $0.invoked <= last.answered }.suffix(14))
    }

    private static func chains(
        _ records: [OperationRecord], _ time: Nanoseconds
    ) -> [Violation] {
        var violations: [Violation] = []
        var successors: [ContentNumber: OperationRecord] = [:]
        var creations: [(rank: Rank, record: OperationRecord)] = []
        for record in records {
            guard case .written(let version, _, exact: true) = record.outcome else { continue }
            switch record.kind {
            case .putIfMatches(let content), .deleteIfMatches(let content):
                if let earlier = successors[content] {
                    violations.append(
                        Violation(
                            name, at: time, "\(content) was replaced twice", [earlier, record]))
                }
                successors[content] = record
            case .putIfAbsent: creations.append((version.rank, record))
            default: break
            }
        }
        // In the order of their versions: the one that was asked for first may come last.
        creations.sort { $0.rank < $1.rank }
        for (earlier, later) in zip(creations, creations.dropFirst())
        where !isRemovalPossible(between: earlier.record, and: later.record, records) {
            violations.append(
                Violation(
                    name, at: time, "created twice, with no deletion between",
                    [earlier.record, later.record]))
        }
        return violations
    }

    private static func isRemovalPossible(
        between earlier: OperationRecord, and later: OperationRecord,
        _ records: [OperationRecord]
    ) -> Bool {
        records.contains { record in
            guard record.isRemoval, !record.hadNoEffect else { return false }
            return record.invoked < later.answered && record.answered > earlier.invoked
        }
    }
}
