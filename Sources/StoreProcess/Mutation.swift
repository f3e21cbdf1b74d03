internal import IPC
internal import Model

/// A change that waits for the writer.
enum Mutation: Sendable {
    /// A small file with its content.
    case put(WriteRequest, content: [UInt8])
    /// An upload whose staging file is durable; it becomes this object.
    case commitUpload(WriteRequest, ObjectID)
    /// The result of an upload that is not known here any more: an earlier life finished it.
    case findUpload(OperationID, StorePath)
    case delete(DeleteRequest)
    case makeDirectory(MakeDirectoryRequest)
    /// The housekeeper's rows whose work is done and durable.
    case housekept(Housekept)
    /// A checkpoint ran beside the writes; the rest of it is short now.
    case finishCheckpoint
    /// Everything is shown to the housekeeper, which then ends.
    case finishHousekeeping

    /// Bytes that it adds to the rows that wait for the write-out.
    var contentByteCount: Int {
        if case .put(_, let content) = self { content.count } else { 0 }
    }

    /// Whether it needs space on the disk that a deletion gives back.
    var needsSpace: Bool {
        switch self {
        case .put, .commitUpload, .makeDirectory: true
        case .findUpload, .delete, .housekept, .finishCheckpoint, .finishHousekeeping: false
        }
    }
}

/// Rows of the outboxes that are done.
struct Housekept: Sendable {
    var content: [UInt64] = []
    var staged: [UInt64] = []
    var viewed: [UInt64] = []
    var garbage: [UInt64] = []
    /// Views that could not be made; tried again at the next start.
    var failedViews: [UInt64] = []
    /// The same for the views of content rows.
    var failedContentViews: [(sequence: UInt64, path: StorePath)] = []

    var isEmpty: Bool {
        content.isEmpty && staged.isEmpty && viewed.isEmpty && garbage.isEmpty
            && failedViews.isEmpty
    }
}

/// A mutation under the number by which its requester knows it.
struct Job: Sendable {
    var ticket: UInt64
    var mutation: Mutation
}

/// What a committed group changed at one path.
struct Change: Sendable {
    var path: StorePath
    /// The record there now; nil where there is none.
    var stored: StoredRecord?
    /// Its content, where it is small.
    var content: [UInt8]?
}

/// A group that is durable, or refusals that needed no transaction.
struct Committed: Sendable {
    /// The highest sequence of the group.
    var sequence: UInt64
    var changes: [Change] = []
    var results: [(ticket: UInt64, result: Result<WriteResponse, RemoteError>)] = []
}

/// What applying one mutation came to.
enum Verdict {
    case done(WriteResponse)
    case refused(RemoteError)
    /// A recursive deletion that goes on in later groups.
    case began(TreeDeletion)
    /// The housekeeper waits for no answer.
    case silent
}
