import Model
import Replication

/// A coordinator at work, for one task.
struct Operation: Sendable {
    indirect enum Kind: Sendable {
        case write(WriteOperation)
        case read(ReadOperation)
        case ballot(BallotOperation)
        case list(ListOperation)
        case entry(EntryWriter, OutboxRow)
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
        case .entry: nil
        }
    }
}
