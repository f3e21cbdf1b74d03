import Model
import Replication

// Refusals: who says exactly that a condition is not met has seen what was decided exactly before.
extension ConditionalWritesAreExact {
    /// Of one path: under `majority` every answer to a conditional write is exact (else it is 503);
    /// and an exact refusal has something that explains it.
    static func refusals(
        _ records: [OperationRecord], _ policy: WritePolicy, _ time: Nanoseconds
    ) -> [Violation] {
        var violations: [Violation] = []
        for record in records where record.isConditional {
            if policy == .majority, record.outcome.isExact == false {
                violations.append(
                    Violation(name, at: time, "decided by less than a majority", [record]))
            }
            // An earlier attempt may have met its own condition.
            guard record.outcome == .conditionFailed(exact: true), record.hadNoEffect,
                let state = decidedBefore(record, records),
                !isChangePossible(since: state, before: record, records)
            else { continue }
            violations.append(
                Violation(
                    name, at: time, "refused, and nothing can have changed what was decided before",
                    [state, record]))
        }
        return violations
    }

    /// The exact write that the refused one should have found, if nothing came after it: what it
    /// wanted to replace, or the removal of what must not be there.
    private static func decidedBefore(
        _ refused: OperationRecord, _ records: [OperationRecord]
    ) -> OperationRecord? {
        records.last { record in
            guard record.outcome.isExact == true, let version = record.written,
                record.answered < refused.invoked
            else { return false }
            switch refused.kind {
            case .putIfMatches(let content), .deleteIfMatches(let content):
                return record.isPut && record.content == content
            case .putIfAbsent:
                // What came to the same path later by its clock is there by now, or came later.
                return record.isRemoval
                    && !records.contains { other in
                        other.written.map { version.rank < $0.rank } ?? false
                            && other.invoked < refused.answered
                    }
            default: return false
            }
        }
    }

    /// Whether something that `state` did not know may have taken effect by the answer.
    private static func isChangePossible(
        since state: OperationRecord, before refused: OperationRecord, _ records: [OperationRecord]
    ) -> Bool {
        guard let known = state.written else { return true }
        return records.contains { record in
            guard record.changes, !record.hadNoEffect, record.operation != state.operation,
                record.operation != refused.operation, record.invoked < refused.answered
            else { return false }
            guard let version = record.written else { return true }
            return !known.context.contains(version.dot)
        }
    }
}

extension OperationRecord.Outcome {
    /// Whether a condition was decided by a majority; nil where none was decided.
    var isExact: Bool? {
        switch self {
        case .written(_, _, let exact), .conditionFailed(let exact),
            .granted(_, _, let exact), .unlocked(let exact):
            exact
        case .open, .read, .notFound, .listed, .refused, .isDirectory, .unknown, .locked,
            .lockNotFound:
            nil
        }
    }
}
