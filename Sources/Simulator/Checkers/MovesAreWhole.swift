import Model
import Replication

/// After quiet no file is at both places of a move, whoever moved it has died. Under `majority`: under `available`
/// the version that was moved may be known to nodes alone that are away while the others finish the move, and
/// comes back with them, as what was deleted without them does.
enum MovesAreWhole {
    static let name = "MovesAreWhole"

    static func check(
        _ history: History, _ policy: WritePolicy, _ final: FinalState
    ) -> [Violation] {
        guard policy == .majority else { return [] }
        var violations: [Violation] = []
        let moves = history.records.filter { record in
            if case .move = record.kind { true } else { false }
        }
        for file in final.files {
            guard let head = file.head, !head.value.isDeleted else { continue }
            for move in moves where move.path == file.path {
                guard case .move(let destination) = move.kind,
                    let placed = final.files.first(where: { $0.path == destination }),
                    placed.known.committedVersion(of: move.operation.moving(head.dot)) != nil
                else { continue }
                violations.append(
                    Violation(
                        name, at: final.time,
                        "\(file.path) was moved to \(destination) and is there as "
                            + head.version.shortText, [move]))
            }
        }
        return violations
    }
}

extension FinalState.File {
    /// What all disks know together.
    fileprivate var known: Register {
        Register.joined(copies.map { ($0.register, $0.context) }).register
    }
}
