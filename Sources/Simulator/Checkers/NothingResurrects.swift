import Model
import Replication

/// After quiet nothing is there that an acknowledged deletion knew and removed.
enum NothingResurrects {
    static let name = "NothingResurrects"

    static func check(_ history: History, _ final: FinalState) -> [Violation] {
        var violations: [Violation] = []
        for file in final.files {
            guard let head = file.head, !head.value.isDeleted else { continue }
            let records = history.on(file.path)
            let deletion = records.first { record in
                guard record.path == file.path, let version = record.written else { return false }
                switch record.kind {
                case .delete, .deleteBeside, .deleteIfMatches, .guardedDelete:
                    return version.dot != head.dot && version.context.contains(head.dot)
                default: return false
                }
            }
            guard let deletion else { continue }
            violations.append(
                Violation(
                    name, at: final.time,
                    "\(file.path) is there again as \(head.version.shortText)",
                    [deletion] + records.filter { $0.operation == head.operation }))
        }
        return violations
    }
}
