internal import Cluster
internal import Model
internal import Replication

/// Content that comes with a request that names its object.
enum NewContent: Sendable {
    /// Small content.
    case bytes([UInt8])
    /// A staging file of this name, which is durable, and to which nobody writes any more.
    case staged(OperationID)

    /// Bytes that it adds to the rows that wait for the write-out.
    var rowByteCount: Int {
        switch self {
        case .bytes(let bytes): bytes.count
        case .staged: 0
        }
    }

    var stagingFile: OperationID? {
        if case .staged(let operation) = self { operation } else { nil }
    }
}

/// What the cluster's brain asks of its disk, with the contents that come along.
struct StorageJob: Sendable {
    var request: StorageRequest
    var contents: [ObjectID: NewContent]
    /// Monotonic time.
    var at: Duration

    init(_ request: StorageRequest, contents: [ObjectID: NewContent] = [:], at: Duration) {
        self.request = request
        self.contents = contents
        self.at = at
    }

    var contentByteCount: Int { contents.values.reduce(0) { $0 + $1.rowByteCount } }

    var stagingFiles: [OperationID] { contents.values.compactMap(\.stagingFile) }

    /// What is answered where there is no room: nothing was done. Nil where no answer says so; such
    /// a job waits for room, for its requester counts on it.
    var answerWithoutSpace: StorageAnswer? {
        guard case .replica(let request) = request else { return nil }
        switch request.plain {
        case .assign, .prepare, .mint, .accept, .merge:
            return .replica(ReplicaOutcome(reply: .full))
        default: return nil
        }
    }

    /// What is answered where the tables make no sense for this job: nothing was done. Nil where
    /// nobody could go on after that.
    var answerWithoutEffect: StorageAnswer? {
        guard case .replica = request else { return nil }
        return .replica(ReplicaOutcome(reply: .stale))
    }
}
