import Model
import Replication

/// Under `majority` no file is put where an acknowledged directory is: what comes one after the other
/// is refused. (Under `available`, or at one time, both may come; `ListingsEqualRecords` looks after
/// that.)
enum DirectoriesKeepTheirNames {
    static let name = "DirectoriesKeepTheirNames"

    static func check(
        _ history: History, _ policy: WritePolicy, _ time: Nanoseconds
    ) -> [Violation] {
        guard policy == .majority else { return [] }
        var violations: [Violation] = []
        for path in KeySpace.sharedMarks {
            let records = history.on(path)
            for put in records where put.isPut && put.written != nil {
                let directory = records.last { record in
                    record.kind == .makeDirectory && record.written != nil
                        && record.answered < put.invoked
                        && !isRemovalPossible(since: record, before: put, records)
                }
                guard let directory else { continue }
                violations.append(
                    Violation(
                        name, at: time, "a file came where a directory is", [directory, put]))
            }
        }
        return violations
    }

    private static func isRemovalPossible(
        since directory: OperationRecord, before put: OperationRecord,
        _ records: [OperationRecord]
    ) -> Bool {
        records.contains { record in
            record.kind == .removeDirectory && !record.hadNoEffect
                && record.invoked < put.answered && record.answered > directory.invoked
        }
    }
}
