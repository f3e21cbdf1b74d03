internal import IPC
internal import IPCTransport
internal import Model
internal import Posix

/// What a link of a gateway asks of the store. On the loop's thread, as the link is.
final class LinkHandler {
    private let link: Link
    private let id: Uploads.LinkID
    private let store: Store
    /// From here on requests are left unanswered: their sender repeats them in the next life.
    var isDraining = false

    init(_ link: Link, id: Uploads.LinkID, _ store: Store, closed: @escaping (LinkEnd) -> Void) {
        self.link = link
        self.id = id
        self.store = store
        link.onRequest = { [unowned self] (request, payload) throws(DecodeError) in
            if !isDraining { try received(request, payload) }
        }
        link.onNotice = { [unowned self] (type, payload) throws(DecodeError) in
            try noticed(type, payload)
        }
        link.onClosed = { [unowned link] end in
            // Handler, link and store live on one thread, which the actor's assumption checks.
            nonisolated(unsafe) let link = link
            store.assumeIsolated { store in
                store.linkClosed(id)
                unsafe store.carrierClosed(link)
                unsafe store.watcherClosed(link)
            }
            closed(end)
        }
    }

    /// Sends what was answered and ends the link.
    func finish() { link.finish() }

    private func received(
        _ received: IncomingRequest, _ payload: RawSpan
    ) throws(DecodeError) {
        // Handler, link and store live on one thread, which the actor's assumption checks.
        nonisolated(unsafe) let request = received
        switch unsafe request.type {
        case .lookup:
            let message = try LookupRequest(decoding: payload)
            store.assumeIsolated { store in
                store.lookUp(message) { unsafe LinkHandler.answer(request, $0) }
            }
        case .put:
            let message = try PutRequest(decoding: payload)
            store.assumeIsolated { store in
                store.put(message) { unsafe LinkHandler.answer(request, $0) }
            }
        case .list:
            let message = try ListRequest(decoding: payload)
            store.assumeIsolated { store in
                store.list(message) { unsafe LinkHandler.answer(request, $0) }
            }
        case .delete:
            let message = try DeleteRequest(decoding: payload)
            store.assumeIsolated { store in
                store.delete(message) { unsafe LinkHandler.answer(request, $0) }
            }
        case .makeDirectory:
            let message = try MakeDirectoryRequest(decoding: payload)
            store.assumeIsolated { store in
                store.makeDirectory(message) { unsafe LinkHandler.answer(request, $0) }
            }
        case .storeStatus:
            _ = try Empty(decoding: payload)
            store.assumeIsolated { store in
                store.status { unsafe LinkHandler.answer(request, $0) }
            }
        case .history, .trash, .purge, .transfer: try receivedHistory(received, payload)
        case .beginUpload, .commitUpload: try receivedUpload(received, payload)
        case .openFetch, .openContent, .readContent: try receivedContents(received, payload)
        case .clusterStatus, .administer, .settings, .partitionHealth, .partitionFiles, .nodeUsage,
            .restartCluster, .repair, .inspect:
            try receivedAdministration(received, payload)
        default:
            unsafe request.fail(RemoteError(.invalid, "the store does not know this request"))
        }
    }

    private func receivedHistory(
        _ received: IncomingRequest, _ payload: RawSpan
    ) throws(DecodeError) {
        // As above.
        nonisolated(unsafe) let request = received
        switch received.type {
        case .history:
            let message = try HistoryRequest(decoding: payload)
            store.assumeIsolated { store in
                store.history(message) { unsafe LinkHandler.answer(request, $0) }
            }
        case .trash:
            let message = try TrashRequest(decoding: payload)
            store.assumeIsolated { store in
                store.trash(message) { unsafe LinkHandler.answer(request, $0) }
            }
        case .purge:
            let message = try PurgeRequest(decoding: payload)
            store.assumeIsolated { store in
                store.purge(message) { unsafe LinkHandler.answer(request, $0) }
            }
        default:
            let message = try TransferRequest(decoding: payload)
            store.assumeIsolated { store in
                store.transfer(message) { unsafe LinkHandler.answer(request, $0) }
            }
        }
    }

    private func receivedUpload(
        _ received: IncomingRequest, _ payload: RawSpan
    ) throws(DecodeError) {
        // As above.
        nonisolated(unsafe) let request = received
        let id = id
        if received.type == .beginUpload {
            let message = try BeginUploadRequest(decoding: payload)
            store.assumeIsolated { store in
                store.beginUpload(
                    message, link: id, isWanted: { unsafe request.isWanted }
                ) { result in
                    unsafe LinkHandler.answer(request, result)
                }
            }
        } else {
            let message = try WriteRequest(decoding: payload)
            store.assumeIsolated { store in
                store.commitUpload(message) { unsafe LinkHandler.answer(request, $0) }
            }
        }
    }

    private func receivedContents(
        _ received: IncomingRequest, _ payload: RawSpan
    ) throws(DecodeError) {
        // As above.
        nonisolated(unsafe) let request = received
        if received.type == .openFetch {
            let message = try FetchNumber(decoding: payload)
            store.assumeIsolated { store in
                store.openFetch(message.number) { unsafe LinkHandler.answer(request, $0) }
            }
        } else if received.type == .openContent {
            let message = try OpenContentRequest(decoding: payload)
            store.assumeIsolated { store in
                store.openContent(message) { unsafe LinkHandler.answer(request, $0) }
            }
        } else {
            let message = try ReadContentRequest(decoding: payload)
            store.assumeIsolated { store in
                store.readContent(message) { unsafe LinkHandler.answer(request, $0) }
            }
        }
    }

    private static func answer(_ request: IncomingRequest, _ result: Result<Staging, RemoteError>) {
        switch result {
        case .success(let staging):
            if let sealing = staging.sealing {
                request.answer(sealing, descriptor: staging.file.box())
            } else {
                request.answer(Empty(), descriptor: staging.file.box())
            }
        case .failure(let error): request.fail(error)
        }
    }

    private static func answer(
        _ request: IncomingRequest,
        _ result: Result<(OpenContentResponse, HandedDescriptor?), RemoteError>
    ) {
        switch result {
        case .success((let response, let file)):
            request.answer(response, descriptor: file?.box())
        case .failure(let error): request.fail(error)
        }
    }

    private func receivedAdministration(
        _ received: IncomingRequest, _ payload: RawSpan
    ) throws(DecodeError) {
        // As above.
        nonisolated(unsafe) let request = received
        switch received.type {
        case .clusterStatus:
            _ = try Empty(decoding: payload)
            store.assumeIsolated { _ = unsafe request.answer($0.clusterStatus()) }
        case .settings:
            _ = try Empty(decoding: payload)
            store.assumeIsolated { _ = unsafe request.answer($0.settings()) }
        case .partitionHealth:
            let message = try PartitionHealthRequest(decoding: payload)
            store.assumeIsolated { _ = unsafe request.answer($0.partitionHealth(message)) }
        case .partitionFiles:
            let message = try PartitionFilesRequest(decoding: payload)
            store.assumeIsolated { store in
                store.partitionFiles(message) { unsafe LinkHandler.answer(request, $0) }
            }
        case .inspect:
            let message = try InspectRequest(decoding: payload)
            store.assumeIsolated { store in
                store.inspect(message) { unsafe LinkHandler.answer(request, $0) }
            }
        case .repair:
            let message = try RepairRequest(decoding: payload)
            store.assumeIsolated { store in
                store.repair(message) { unsafe LinkHandler.answer(request, $0) }
            }
        case .restartCluster:
            _ = try Empty(decoding: payload)
            store.assumeIsolated { store in
                store.restartCluster { unsafe LinkHandler.answer(request, $0) }
            }
        case .nodeUsage:
            _ = try Empty(decoding: payload)
            store.assumeIsolated { store in
                store.nodeUsage { unsafe LinkHandler.answer(request, $0) }
            }
        default:
            let message = try AdministerRequest(decoding: payload)
            store.assumeIsolated { store in
                store.administer(message) { unsafe LinkHandler.answer(request, $0) }
            }
        }
    }

    private func noticed(_ type: MessageType, _ payload: RawSpan) throws(DecodeError) {
        let id = id
        switch type {
        case .abortUpload:
            let list = try OperationList(decoding: payload)
            store.assumeIsolated { $0.abortUploads(list.operations) }
        case .claimUploads:
            let list = try OperationList(decoding: payload)
            store.assumeIsolated { $0.claimUploads(list.operations, link: id) }
        case .attachPeers, .peerFound, .peerReceived, .fetchProgress:
            try noticedPeers(type, payload)
        case .watch:
            let message = try WatchNotice(decoding: payload)
            // As above.
            nonisolated(unsafe) let link = link
            store.assumeIsolated { unsafe $0.watch(link, message) }
        default: Log.debug("a notice that the store does not know", ["type": "\(type)"])
        }
    }

    private func noticedPeers(_ type: MessageType, _ payload: RawSpan) throws(DecodeError) {
        switch type {
        case .attachPeers:
            let message = try PeersAttached(decoding: payload)
            // As above.
            nonisolated(unsafe) let link = link
            store.assumeIsolated { unsafe $0.peersAttached(link, message) }
        case .peerFound:
            let message = try PeerFound(decoding: payload)
            store.assumeIsolated { $0.peerFound(message.node) }
        case .fetchProgress:
            let message = try FetchProgress(decoding: payload)
            store.assumeIsolated { $0.fetchProgressed(message) }
        default:
            let part = try PeerPart(decoding: payload)
            store.assumeIsolated { $0.peerReceived(part) }
        }
    }

    private static func answer(
        _ request: IncomingRequest, _ result: Result<some Message, RemoteError>
    ) {
        switch result {
        case .success(let message): request.answer(message)
        case .failure(let error): request.fail(error)
        }
    }

    private static func answer(
        _ request: IncomingRequest, _ result: Result<LookupReply, RemoteError>
    ) {
        switch result {
        case .success(let reply):
            request.answer(reply.response, descriptor: reply.descriptor?.box())
        case .failure(let error): request.fail(error)
        }
    }
}
