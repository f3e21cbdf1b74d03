import Model
import Replication

/// Who waits for a task's end.
enum TaskOrigin: Hashable, Sendable {
    case client(ClientTicket)
    /// A node that forwarded a client's request.
    case peer(NodeID, request: UInt64)
    /// A task of this node, of which this is a step.
    case task(UInt64)
    /// Nobody: the node's own work on a register whose ballot is unsettled.
    case own(RegisterKey)
    /// Nobody: a move that another one began.
    case move(MoveIntent)
}

/// One request under way at this node: coordinated here or by another node, over as many attempts
/// as its time allows.
struct ClientTask: Sendable {
    enum Stage: Sendable {
        /// To be started (again) at this time.
        case due(at: Duration)
        case forwarded(to: NodeID)
        case running(UInt64)
        /// A step of it runs as a task of its own.
        case waiting
        /// A deletion looks first whether there is anything.
        case looking(UInt64)
        /// So many peers have not said yet whether they know of a cluster; where none does, this is
        /// the answer.
        case askingForCluster(open: Int, ClientAnswer)
        /// Disks are told to let versions go: so many have not answered, and so many have done it.
        case purging(open: Int, done: Int)
    }

    /// Where a move stands.
    enum MoveStep: Sendable {
        case source
        /// The version that is moved; its destination is being written.
        case destination(Dot)
        /// The source is being removed; the answer is that of the destination.
        case removal(ClientAnswer, of: Dot)
    }

    let origin: TaskOrigin
    /// Replaced once: where the path named a file beside a directory, by the file's own.
    var request: ClientRequest
    let began: Duration
    let deadline: Duration
    var stage: Stage
    /// Nodes that were asked to coordinate and did not.
    var tried: [NodeID] = []
    var attempts = 0
    /// Whether an earlier attempt, here or elsewhere, may have been applied.
    var isRepeat = false
    /// Whether an earlier attempt of this task went as far as to a coordinator.
    var mayBeDone = false
    /// The attempt for which it was looked up whether that is so.
    var lookedUp: Int?
    /// Of the node's own work on a register: what is prepared there and to be settled.
    var prepared: [RegisterVersion] = []
    var moveStep = MoveStep.source
    var lockSteps = LockSteps()
    /// What a write asks first; nil before it was made.
    var check: PathCheck?
    /// Whether it is certain that no directory is at the path of the file that is written.
    var passesDirectories = false
    var lookup = PathLookup.none
    /// Whether the directory was searched for a name that was cut.
    var isSearched = false
    /// The register that is read for it, and whether somebody knows a directory at its path.
    var readKey: RegisterKey?
    var mayBeDirectory = false
    var lastFailure = UnavailableReason.timedOut

    /// Whether a read of the file itself is part of it: for the client, or for the copy that a move
    /// makes.
    var needsContent: Bool {
        if case .own = origin { return false }
        return switch request {
        case .get, .move, .copy: true
        default: false
        }
    }

    /// A forwarded request is not forwarded again: two nodes that each think the other is the
    /// right one would play ball with it.
    var mayForward: Bool {
        switch origin {
        case .client, .task: true
        case .peer, .own, .move: false
        }
    }
}

/// How far it is known which file a path means; see `ConflictName`.
enum PathLookup: Sendable {
    case none
    /// The file is known: is there a directory as well?
    case confirming(Register)
    /// Whether the path is a file's own.
    case own(ConflictName)
    /// The file at this path is read: is it the one that is named?
    case candidate(ConflictName, StorePath)
    /// It is: is it beside a directory?
    case shadowed(ConflictName, StorePath, Register)
    /// The directory is searched for names that were cut.
    case searching(ConflictName)
    /// The request's path is the file's own.
    case resolved
}

extension ClientRequest {
    /// What is to be done, whatever is shown of locks with it.
    var plain: ClientRequest {
        if case .showing(let request, _) = self { return request }
        return self
    }

    var lockGuard: LockGuard? {
        if case .showing(_, let guarding) = self { return guarding }
        return nil
    }

    /// The register whose holders coordinate the request; nil where any node does.
    var coordinatedKey: RegisterKey? {
        switch self {
        case .put(let path, _, _, _), .delete(let path, _, _), .place(let path, _, _, _, _):
            .file(path)
        case .makeDirectory(let path, _), .removeDirectory(let path, _): .mark(path)
        case .changeLocks(let path, _, _): .locks(path)
        case .describe(let path, let value, _, _): value.isMark ? .mark(path) : .file(path)
        case .showing(let request, _): request.coordinatedKey
        case .get, .list, .move, .copy, .history, .restore, .purge, .guarded, .lock, .refreshLock,
            .unlock,
            .locks, .lockSet, .clearTraces, .mark,
            .setSetting,
            .setReplicationFactor, .leave, .cancelLeave, .takeOut, .joinCluster:
            nil
        }
    }

    /// The operation under which a client writes; nil where it does not.
    var operation: OperationID? {
        switch self {
        case .put(_, _, _, let id), .delete(_, _, let id), .makeDirectory(_, let id),
            .removeDirectory(_, let id), .move(_, _, _, let id), .copy(_, _, _, let id),
            .place(_, _, _, let id, _),
            .lock(_, _, let id), .refreshLock(_, _, _, let id), .unlock(_, _, let id),
            .changeLocks(_, _, let id), .restore(_, _, let id), .describe(_, _, _, let id):
            id
        case .guarded(let request, _, _), .showing(let request, _): request.operation
        case .get, .list, .history, .purge, .locks, .lockSet, .clearTraces, .mark, .setSetting,
            .setReplicationFactor, .leave,
            .cancelLeave, .takeOut, .joinCluster:
            nil
        }
    }

    /// Deletions look anyway; conditional writes see earlier attempts in their ballots.
    var isUnconditionalWrite: Bool {
        switch self {
        case .put(_, _, let condition, _): condition == .none
        case .place(_, _, let condition, _, _): condition == .none
        case .makeDirectory: true
        case .showing(let request, _): request.isUnconditionalWrite
        default: false
        }
    }
}
