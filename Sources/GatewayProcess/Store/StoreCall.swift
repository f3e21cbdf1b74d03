internal import IPC
internal import Model
internal import Posix

/// What the gateway asks its store.
enum StoreRequest {
    case lookup(LookupRequest)
    case put(PutRequest)
    case beginUpload(BeginUploadRequest)
    case commitUpload(WriteRequest)
    case delete(DeleteRequest)
    case makeDirectory(MakeDirectoryRequest)
    case list(ListRequest)
    case status
    case clusterStatus
    case settings
    case administer(AdministerRequest)
    case partitionHealth(PartitionHealthRequest)
    case openFetch(FetchNumber)
    case openContent(OpenContentRequest)
    case readContent(ReadContentRequest)
    case partitionFiles(PartitionFilesRequest)
    case nodeUsage
    case quotas
    case restartCluster
    case repair(RepairRequest)
    case integrity(IntegrityRequest)
    case inspect(InspectRequest)
    case history(HistoryRequest)
    case trash(TrashRequest)
    case purge(PurgeRequest)
    case transfer(TransferRequest)
    case lock(LockMessage)
    case refreshLock(RefreshLockMessage)
    case unlock(UnlockMessage)
    case locks(LocksRequest)
    case properties(PropertiesRequest)
    case setProperties(SetPropertiesRequest)

    /// Whether an answer that never came leaves the client unsure of what happened.
    var isWrite: Bool {
        switch self {
        case .put, .commitUpload, .delete, .makeDirectory, .administer, .restartCluster, .purge,
            .transfer, .lock, .refreshLock, .unlock, .setProperties:
            true
        case .lookup, .beginUpload, .list, .status, .clusterStatus, .settings, .partitionHealth,
            .partitionFiles, .nodeUsage, .quotas, .repair, .integrity, .inspect, .openFetch,
            .openContent, .history, .trash, .readContent, .locks, .properties:
            false
        }
    }

    /// Opens the request in `session`: its id, or nil where there is no credit.
    func open(in session: inout Session, deadline: Duration) -> UInt64? {
        switch self {
        case .lookup(let message):
            session.open(message, type: .lookup, deadline: deadline)
        case .put(let message):
            session.open(message, type: .put, deadline: deadline)
        case .beginUpload(let message):
            session.open(message, type: .beginUpload, deadline: deadline)
        case .commitUpload(let message):
            session.open(message, type: .commitUpload, deadline: deadline)
        case .delete(let message):
            session.open(message, type: .delete, deadline: deadline)
        case .makeDirectory(let message):
            session.open(message, type: .makeDirectory, deadline: deadline)
        case .list(let message):
            session.open(message, type: .list, deadline: deadline)
        case .status:
            session.open(Empty(), type: .storeStatus, deadline: deadline)
        case .clusterStatus:
            session.open(Empty(), type: .clusterStatus, deadline: deadline)
        case .settings:
            session.open(Empty(), type: .settings, deadline: deadline)
        case .administer(let message):
            session.open(message, type: .administer, deadline: deadline)
        case .partitionHealth(let message):
            session.open(message, type: .partitionHealth, deadline: deadline)
        case .openFetch(let message):
            session.open(message, type: .openFetch, deadline: deadline)
        case .openContent(let message):
            session.open(message, type: .openContent, deadline: deadline)
        case .readContent(let message):
            session.open(message, type: .readContent, deadline: deadline)
        case .partitionFiles(let message):
            session.open(message, type: .partitionFiles, deadline: deadline)
        case .nodeUsage:
            session.open(Empty(), type: .nodeUsage, deadline: deadline)
        case .quotas:
            session.open(Empty(), type: .quotas, deadline: deadline)
        case .restartCluster:
            session.open(Empty(), type: .restartCluster, deadline: deadline)
        case .repair(let message):
            session.open(message, type: .repair, deadline: deadline)
        case .integrity(let message):
            session.open(message, type: .integrity, deadline: deadline)
        case .inspect(let message):
            session.open(message, type: .inspect, deadline: deadline)
        case .history(let message):
            session.open(message, type: .history, deadline: deadline)
        case .trash(let message):
            session.open(message, type: .trash, deadline: deadline)
        case .purge(let message):
            session.open(message, type: .purge, deadline: deadline)
        case .transfer(let message):
            session.open(message, type: .transfer, deadline: deadline)
        case .lock(let message):
            session.open(message, type: .lock, deadline: deadline)
        case .refreshLock(let message):
            session.open(message, type: .refreshLock, deadline: deadline)
        case .unlock(let message):
            session.open(message, type: .unlock, deadline: deadline)
        case .locks(let message):
            session.open(message, type: .locks, deadline: deadline)
        case .properties(let message):
            session.open(message, type: .properties, deadline: deadline)
        case .setProperties(let message):
            session.open(message, type: .setProperties, deadline: deadline)
        }
    }

    /// The answer that `payload` holds.
    /// - Throws: `DecodeError` where it is none to this request.
    func decode(_ payload: RawSpan, descriptor: DescriptorBox?) throws(DecodeError) -> StoreReply {
        switch self {
        case .lookup(let asked):
            let response = try LookupResponse(decoding: payload)
            if response.bringsDescriptor, descriptor == nil { throw .invalid("descriptor") }
            guard (asked.wanted == .holders) == response.saysHolders else {
                throw .invalid("holders")
            }
            return .found(response, descriptor)
        case .openContent:
            let response = try OpenContentResponse(decoding: payload)
            if response.bringsDescriptor, descriptor == nil { throw .invalid("descriptor") }
            return .content(response, descriptor)
        case .readContent(let asked):
            let response = try OpenContentResponse(decoding: payload)
            if response.bringsDescriptor, descriptor == nil { throw .invalid("descriptor") }
            guard response.fits(asked) else { throw .invalid("window") }
            return .content(response, descriptor)
        case .beginUpload, .openFetch:
            guard let descriptor else { throw .invalid("descriptor") }
            if payload.byteCount == 0 { return .staging(descriptor, nil) }
            return .staging(descriptor, try StagingSealing(decoding: payload))
        case .put, .commitUpload, .delete, .makeDirectory, .transfer, .setProperties:
            return .written(try WriteResponse(decoding: payload))
        case .list: return .listed(try ListResponse(decoding: payload))
        case .status: return .status(try StoreStatus(decoding: payload))
        case .clusterStatus: return .cluster(try ClusterStatus(decoding: payload))
        case .settings: return .settings(try ClusterSettingsList(decoding: payload))
        case .partitionHealth: return .health(try PartitionHealthResponse(decoding: payload))
        case .partitionFiles(let asked):
            let response = try PartitionFilesResponse(decoding: payload)
            guard response.entries.count == asked.partitions.count else { throw .invalid("count") }
            return .files(response)
        case .nodeUsage: return .usage(try NodeUsageList(decoding: payload))
        case .quotas: return .quotas(try QuotaList(decoding: payload))
        case .inspect: return .inspected(try InspectResponse(decoding: payload))
        case .integrity: return .integrity(try IntegrityResponse(decoding: payload))
        case .repair: return .repair(try RepairStatus(decoding: payload))
        case .restartCluster: return .restarting(try RestartPlan(decoding: payload))
        case .history: return .history(try HistoryResponse(decoding: payload))
        case .trash: return .trash(try TrashResponse(decoding: payload))
        case .lock, .refreshLock: return .held(try HeldLock(decoding: payload))
        case .locks: return .locks(try LocksResponse(decoding: payload))
        case .properties(let asked):
            let response = try PropertiesResponse(decoding: payload)
            guard response.properties.count == asked.paths.count else { throw .invalid("count") }
            return .properties(response)
        case .administer, .purge, .unlock:
            _ = try Empty(decoding: payload)
            return .done
        }
    }
}

extension LookupResponse {
    fileprivate var saysHolders: Bool {
        switch self {
        case .heldFile, .heldDirectory: true
        case .file, .inline, .descriptor, .directory, .remote, .region, .windows: false
        }
    }
}

extension OpenContentResponse {
    /// Whether it is a window of at most what was asked for.
    fileprivate func fits(_ asked: ReadContentRequest) -> Bool {
        switch self {
        case .inline(let bytes): bytes.count <= asked.byteCount
        case .descriptor(let byteCount): byteCount <= asked.byteCount
        case .region, .windows: false
        }
    }
}

/// What the store answered, or why it did not.
enum StoreReply {
    /// The descriptor comes where the response says so.
    case found(LookupResponse, DescriptorBox?)
    /// The same; of `openContent` or `readContent`.
    case content(OpenContentResponse, DescriptorBox?)
    /// A staging file, open for writing, and how to seal what is written to it.
    case staging(DescriptorBox, StagingSealing?)
    case written(WriteResponse)
    case listed(ListResponse)
    case status(StoreStatus)
    case cluster(ClusterStatus)
    case settings(ClusterSettingsList)
    case health(PartitionHealthResponse)
    case files(PartitionFilesResponse)
    case usage(NodeUsageList)
    case quotas(QuotaList)
    case restarting(RestartPlan)
    case repair(RepairStatus)
    case integrity(IntegrityResponse)
    case inspected(InspectResponse)
    case history(HistoryResponse)
    case trash(TrashResponse)
    case held(HeldLock)
    case locks(LocksResponse)
    case properties(PropertiesResponse)
    case done
    case failed(RemoteError)
}

/// A request on its way: it outlives the link that it was sent on.
final class StoreCall {
    let request: StoreRequest
    let deadline: Duration
    /// Calls are sent again in the order in which they were made.
    let sequence: UInt64
    var wasSent = false
    let completion: (StoreReply) -> Void

    init(
        _ request: StoreRequest, deadline: Duration, sequence: UInt64,
        completion: @escaping (StoreReply) -> Void
    ) {
        self.request = request
        self.deadline = deadline
        self.sequence = sequence
        self.completion = completion
    }
}
