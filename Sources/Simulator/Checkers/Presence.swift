import Model
import Replication

/// Which files are certainly there, or certainly not, while some other operation goes on: by what
/// clients were told.
struct Presence {
    enum Verdict { case present, absent, uncertain }

    /// The operations on each file.
    private let operations: [StorePath: [OperationRecord]]
    private let tracesDropped: [StorePath: [Nanoseconds]]
    private let policy: WritePolicy

    init(_ history: History, _ policy: WritePolicy) {
        var operations: [StorePath: [OperationRecord]] = [:]
        for record in history.records where record.changes {
            operations[record.path, default: []].append(record)
            if case .move(let destination) = record.kind, destination != record.path {
                operations[destination, default: []].append(record)
            }
        }
        self.operations = operations
        tracesDropped = history.tracesDropped
        self.policy = policy
    }

    /// Files that clients ever did anything about, sorted.
    var files: [StorePath] { operations.keys.sorted() }

    /// Whether the operation's node had to know: a majority always does; under `available` a node
    /// may be cut off from who knows more.
    func mustKnow(_ record: OperationRecord) -> Bool {
        policy == .majority || record.isUndisturbed
    }

    func verdict(on path: StorePath, during record: OperationRecord) -> Verdict {
        guard let all = operations[path] else { return .absent }
        let makes = all.filter { $0.writesContent(to: path) && !$0.hadNoEffect }
        let removals = all.filter { $0.isRemoval && $0.path == path && !$0.hadNoEffect }
        func isOver(_ one: OperationRecord, before time: Nanoseconds) -> Bool {
            one.written != nil && !one.isListingPending && one.answered < time
        }
        let isThere = makes.contains { make in
            isOver(make, before: record.invoked)
                && !removals.contains {
                    $0.answered > make.invoked && $0.invoked < record.answered
                }
        }
        if isThere { return .present }
        // Once its directory has no trace of the name any more, a disk that was away may bring an
        // older entry of it back, until an audit finds that.
        func isTraced(_ removal: OperationRecord) -> Bool {
            !(tracesDropped[path] ?? []).contains {
                removal.invoked <= $0 && $0 <= record.answered
            }
        }
        let isGone = makes.filter { $0.invoked < record.answered }.allSatisfy { make in
            removals.contains { removal in
                isOver(removal, before: record.invoked) && removal.invoked > make.answered
                    && removal.isDeletion && isTraced(removal)
            }
        }
        return isGone ? .absent : .uncertain
    }
}

extension OperationRecord {
    /// A move leaves a source that changed meanwhile where it is.
    fileprivate var isDeletion: Bool {
        switch kind {
        case .delete, .deleteIfMatches: true
        default: false
        }
    }
}
