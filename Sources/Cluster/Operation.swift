import Model
import Replication

/// A coordinator at work, for one task.
struct Operation: Sendable {
    indirect enum Kind: Sendable {
        case write(WriteOperation)
        case read(ReadOperation)
        case ballot(BallotOperation)
        case list(ListOperation)
        /// A directory that went as far as this disk knows: the others are asked before that is told.
        case absence(AbsenceCheck, OutboxItem)
        case entry(EntryWriter, OutboxItem)
    }

    var kind: Kind
    /// Nil for the outbox's work.
    let task: UInt64?
    /// The layouts that its targets were computed from.
    let layouts: LayoutID

    var nextDeadline: Duration? {
        switch kind {
        case .write(let operation): operation.nextDeadline
        case .read(let operation): operation.nextDeadline
        case .ballot(let operation): operation.nextDeadline
        case .list(let operation): operation.nextDeadline
        case .absence, .entry: nil
        }
    }

    /// The row of the outbox that it works on.
    var row: OutboxRow? {
        switch kind {
        case .absence(_, let item), .entry(_, let item): item.row
        case .write, .read, .ballot, .list: nil
        }
    }
}
