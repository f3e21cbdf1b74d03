internal import Cluster
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
    /// What the cluster's brain asks of its disk; answered in `Committed.storage`, in the order in
    /// which they were submitted.
    case storage(StorageJob)
    /// From here on this is another disk; answered like `storage`.
    case renewDisk(DiskID)
    /// Contents of which it was found that they are not what was stored; answered in `Committed.marked`.
    case markBad([ObjectID])
    /// Somebody took these out of the view.
    case showAgain([StorePath])
    /// How far the scrub is.
    case scrubbed([UInt8])
    /// Files that were checked and are good, and what they are like.
    case stamped([ObjectID: FileTrust.Stamp])
    /// Somebody waits for room on the disk (`SpaceRules.want`).
    case makeRoom
    /// The directories that have quotas, from here on.
    case setQuotas([StorePath])
    /// The brain has heard the answers that came ahead under this number; what follows from them was submitted
    /// before.
    case followed(UInt64)

    /// Bytes that it adds to the rows that wait for the write-out.
    var contentByteCount: Int {
        switch self {
        case .put(_, let content): content.count
        case .storage(let job): job.contentByteCount
        default: 0
        }
    }

    /// Whether it has its turn only after all earlier ones of its kind.
    var keepsOrder: Bool {
        switch self {
        case .storage, .renewDisk: true
        default: false
        }
    }

    /// Whether it needs space on the disk that a deletion gives back.
    var needsSpace: Bool {
        switch self {
        case .put, .commitUpload, .makeDirectory: true
        case .findUpload, .delete, .housekept, .finishCheckpoint, .finishHousekeeping, .storage,
            .renewDisk, .markBad, .showAgain, .scrubbed, .stamped, .makeRoom, .setQuotas, .followed:
            false
        }
    }
}

/// Rows of the outboxes that are done.
struct Housekept: Sendable {
    var content: [UInt64] = []
    var staged: [UInt64] = []
    var viewed: [UInt64] = []
    var garbage: [UInt64] = []
    var apart: [UInt64] = []
    /// What files are like by now.
    var stamps: [ObjectID: FileTrust.Stamp] = [:]
    /// Views that could not be made; tried again at the next start.
    var failedViews: [UInt64] = []
    /// The same for the views of content rows.
    var failedContentViews: [(sequence: UInt64, path: StorePath)] = []

    var isEmpty: Bool {
        content.isEmpty && staged.isEmpty && viewed.isEmpty && garbage.isEmpty && apart.isEmpty
            && failedViews.isEmpty
    }
}

/// A mutation under the number by which its requester knows it.
struct Job: Sendable {
    var ticket: UInt64
    var mutation: Mutation

    /// See `StorageRequest.isStep`.
    var isStep: Bool {
        if case .storage(let job) = mutation { job.request.isStep } else { false }
    }
}

/// What a committed group changed at one path.
struct Change: Sendable {
    var path: StorePath
    /// The record there now; nil where there is none.
    var stored: StoredRecord?
    /// Its content, where it is small.
    var content: [UInt8]?
    /// Whether clients see something else at the path than before: not where a copy was moved, or where
    /// caches are to ask again.
    var isNews = false
}

/// A group that is durable, or refusals that needed no transaction.
struct Committed: Sendable {
    /// The highest sequence of the group.
    var sequence: UInt64
    var changes: [Change] = []
    var results: [(ticket: UInt64, result: Result<WriteResponse, RemoteError>)] = []
    /// Answers to the cluster's brain, in the order of its requests.
    var storage: [(ticket: UInt64, answer: StorageAnswer)] = []
    /// Requests to mark contents that were done, or failed: whoever asked looks again.
    var marked: [UInt64] = []
    /// Staging files that came with its requests and that nothing names: their owner removes them.
    var unusedStaging: [OperationID] = []
    /// Objects whose content is not here any more, or did not come.
    var lacking: [ObjectID] = []
    var quotas: [QuotaNews] = []
    /// Answers that came ahead up to this number are durable.
    var ahead: UInt64 = 0
}

/// Answers to the cluster's brain that are not durable yet; `Committed` has them again when they are.
struct AnsweredAhead: Sendable {
    var number: UInt64
    var storage: [(ticket: UInt64, answer: StorageAnswer)]
}

/// What applying one mutation came to.
enum Verdict {
    case done(WriteResponse)
    case refused(RemoteError)
    /// A recursive deletion that goes on in later groups.
    case began(TreeDeletion)
    /// What the cluster's brain is answered.
    case stored(StorageAnswer)
    /// Contents are marked.
    case marked
    /// Nobody waits for an answer.
    case silent
}
