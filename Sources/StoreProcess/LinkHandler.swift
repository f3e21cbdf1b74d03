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
        switch received.type {
        case .lookup:
            try ask(received, payload, LookupRequest.self, LinkHandler.answer) {
                $0.lookUp($1, $2)
            }
        case .put: try ask(received, payload, PutRequest.self) { $0.put($1, $2) }
        case .list: try ask(received, payload, ListRequest.self) { $0.list($1, $2) }
        case .delete: try ask(received, payload, DeleteRequest.self) { $0.delete($1, $2) }
        case .makeDirectory:
            try ask(received, payload, MakeDirectoryRequest.self) { $0.makeDirectory($1, $2) }
        case .storeStatus:
            try ask(received, payload, Empty.self) { store, _, reply in store.status(reply) }
        case .history: try ask(received, payload, HistoryRequest.self) { $0.history($1, $2) }
        case .trash: try ask(received, payload, TrashRequest.self) { $0.trash($1, $2) }
        case .purge: try ask(received, payload, PurgeRequest.self) { $0.purge($1, $2) }
        case .transfer: try ask(received, payload, TransferRequest.self) { $0.transfer($1, $2) }
        case .beginUpload: try beginUpload(received, payload)
        case .commitUpload:
            try ask(received, payload, WriteRequest.self) { $0.commitUpload($1, $2) }
        case .openFetch, .openContent, .readContent: try receivedContents(received, payload)
        case .lock, .refreshLock, .unlock, .locks, .properties, .setProperties:
            try receivedLocks(received, payload)
        default: try receivedAdministration(received, payload)
        }
    }

    /// Decodes what is asked, and sends what the store answers, as `answer` does it.
    private func ask<Asked: Message, Answer>(
        _ received: IncomingRequest, _ payload: RawSpan, _: Asked.Type,
        _ answer: @escaping @Sendable (IncomingRequest, Result<Answer, RemoteError>) -> Void,
        _ body: @Sendable (isolated Store, Asked, @escaping Store.Reply<Answer>) -> Void
    ) throws(DecodeError) {
        let message = try Asked(decoding: payload)
        // Handler, link and store live on one thread, which the actor's assumption checks.
        nonisolated(unsafe) let request = received
        store.assumeIsolated { store in
            body(store, message) { unsafe answer(request, $0) }
        }
    }

    private func ask<Asked: Message, Answer: Message>(
        _ received: IncomingRequest, _ payload: RawSpan, _ type: Asked.Type,
        _ body: @Sendable (isolated Store, Asked, @escaping Store.Reply<Answer>) -> Void
    ) throws(DecodeError) {
        try ask(received, payload, type, { LinkHandler.answer($0, $1) }, body)
    }

    private func beginUpload(
        _ received: IncomingRequest, _ payload: RawSpan
    ) throws(DecodeError) {
        let message = try BeginUploadRequest(decoding: payload)
        // As above.
        nonisolated(unsafe) let request = received
        let id = id
        store.assumeIsolated { store in
            store.beginUpload(message, link: id, isWanted: { unsafe request.isWanted }) { result in
                unsafe LinkHandler.answer(request, result)
            }
        }
    }

    private func receivedLocks(
        _ received: IncomingRequest, _ payload: RawSpan
    ) throws(DecodeError) {
        switch received.type {
        case .lock: try ask(received, payload, LockMessage.self) { $0.lock($1, $2) }
        case .refreshLock:
            try ask(received, payload, RefreshLockMessage.self) { $0.refreshLock($1, $2) }
        case .unlock: try ask(received, payload, UnlockMessage.self) { $0.unlock($1, $2) }
        case .locks: try ask(received, payload, LocksRequest.self) { $0.locks($1, $2) }
        case .properties:
            try ask(received, payload, PropertiesRequest.self) { $0.properties($1, $2) }
        default:
            try ask(received, payload, SetPropertiesRequest.self) { $0.setProperties($1, $2) }
        }
    }

    private func receivedContents(
        _ received: IncomingRequest, _ payload: RawSpan
    ) throws(DecodeError) {
        switch received.type {
        case .openFetch:
            try ask(received, payload, FetchNumber.self, LinkHandler.answer) {
                $0.openFetch($1.number, $2)
            }
        case .openContent:
            try ask(received, payload, OpenContentRequest.self, LinkHandler.answer) {
                $0.openContent($1, $2)
            }
        default:
            try ask(received, payload, ReadContentRequest.self, LinkHandler.answer) {
                $0.readContent($1, $2)
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
        switch received.type {
        case .clusterStatus:
            try ask(received, payload, Empty.self) { store, _, reply in
                reply(.success(store.clusterStatus()))
            }
        case .settings:
            try ask(received, payload, Empty.self) { store, _, reply in
                reply(.success(store.settings()))
            }
        case .partitionHealth:
            try ask(received, payload, PartitionHealthRequest.self) { store, asked, reply in
                reply(.success(store.partitionHealth(asked)))
            }
        case .partitionFiles:
            try ask(received, payload, PartitionFilesRequest.self) { $0.partitionFiles($1, $2) }
        case .inspect: try ask(received, payload, InspectRequest.self) { $0.inspect($1, $2) }
        case .integrity: try ask(received, payload, IntegrityRequest.self) { $0.integrity($1, $2) }
        case .repair: try ask(received, payload, RepairRequest.self) { $0.repair($1, $2) }
        case .restartCluster:
            try ask(received, payload, Empty.self) { store, _, reply in
                store.restartCluster(reply)
            }
        case .quotas:
            try ask(received, payload, Empty.self) { store, _, reply in
                reply(.success(store.quotaStatus()))
            }
        case .nodeUsage:
            try ask(received, payload, Empty.self) { store, _, reply in store.nodeUsage(reply) }
        case .administer:
            try ask(received, payload, AdministerRequest.self) { $0.administer($1, $2) }
        default:
            received.fail(RemoteError(.invalid, "the store does not know this request"))
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
        case .suspectContent:
            let message = try SuspectNotice(decoding: payload)
            store.assumeIsolated { $0.suspected(message.digest, at: message.path) }
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
