internal import CRDT
internal import Cluster
internal import IPC
internal import Loop
internal import Membership
internal import Model
internal import Transfer

/// A list of the trash that is being made: whose pages are still to come.
struct TrashListing {
    let limit: Int
    var merge = TrashMerge()
    /// Storing nodes that have not answered; with the own disk's place taken by an empty name it would be
    /// one too few, so that is counted apart.
    var open: Set<NodeID>
    var isOwnOpen = true
    /// Members that could not be asked.
    let unreached: Int
    let reply: Store.Reply<TrashResponse>
    var timer: LoopTimer?
}

// The trash of the whole cluster: each node is asked for its page, since any of them may hold what others
// do not.
extension Store {
    func trash(_ request: TrashRequest, _ reply: @escaping Reply<TrashResponse>) {
        let reply = counted(reply)
        guard cluster.trashListings.count < StoreLimits.trashListingsMax else {
            return reply(.failure(.unavailable(.contended)))
        }
        let limit = max(1, min(Int(clamping: request.limit), TransferLimits.trashCountMax))
        let peers = cluster.node.peerViews.filter { !$0.isOwn && $0.isStoring }
        let asked = peers.filter(\.isThere).map(\.node)
        cluster.nextTrashListing += 1
        let number = cluster.nextTrashListing
        cluster.trashListings[number] = TrashListing(
            limit: limit, open: Set(asked),
            unreached: peers.count { $0.isMember && !$0.isThere }, reply: reply)
        for node in asked {
            send(
                .word(
                    .asksTrash(
                        number: number, directory: request.directory, after: request.after,
                        limit: UInt16(clamping: limit))), to: node)
        }
        armTrashTimer(number)
        ownTrash(request.directory, request.after, limit) { page in
            self.cluster.trashListings[number]?.isOwnOpen = false
            switch page {
            case .success(let page): self.received(page, for: number)
            case .failure(let error): self.endTrash(number, error)
            }
        }
    }

    private func ownTrash(
        _ directory: StorePath, _ after: StorePath?, _ limit: Int,
        _ done: @escaping (Result<TrashPage, RemoteError>) -> Void
    ) {
        let walk = TrashWalk(
            directory: directory, after: after, limit: limit,
            emptiedUntil: cluster.node.clusterSettings.trashEmptiedUntil)
        askDisk(.trash(walk)) { answer in
            switch answer {
            case .success(.trash(let page)): done(.success(page))
            case .failure(let error): done(.failure(error))
            default: preconditionFailure("a finding for another request")
            }
        }
    }

    func received(trash word: StoreWord, from peer: NodeID) {
        switch word {
        case .asksTrash(let number, let directory, let after, let limit):
            ownTrash(directory, after, Int(limit)) { page in
                guard case .success(let page) = page else { return }
                self.send(.word(.trash(number: number, page)), to: peer)
            }
        case .trash(let number, let page):
            guard cluster.trashListings[number]?.open.remove(peer) != nil else { return }
            received(page, for: number)
        default: preconditionFailure("another word")
        }
    }

    private func received(_ page: TrashPage, for number: UInt64) {
        cluster.trashListings[number]?.merge.add(page)
        guard let listing = cluster.trashListings[number], listing.open.isEmpty,
            !listing.isOwnOpen
        else { return }
        endTrash(number, nil)
    }

    private func armTrashTimer(_ number: UInt64) {
        do {
            cluster.trashListings[number]?.timer = try loop.schedule(
                after: StoreLimits.trashWait
            ) { [weak self] in
                self?.assumeIsolated { $0.endTrash(number, nil) }
            }
        } catch {
            Log.error("no timer for the trash", ["error": "\(error)"])
            endTrash(number, .broken)
        }
    }

    private func endTrash(_ number: UInt64, _ error: RemoteError?) {
        guard let listing = cluster.trashListings.removeValue(forKey: number) else { return }
        listing.timer?.cancel()
        if let error { return listing.reply(.failure(error)) }
        let page = listing.merge.page(
            limit: listing.limit, byteCountMax: StoreLimits.trashPageByteCountMax)
        let missing = listing.open.count + listing.unreached + (listing.isOwnOpen ? 1 : 0)
        listing.reply(
            .success(
                TrashResponse(
                    entries: page.entries.map(TrashResponse.Entry.init), hasMore: page.hasMore,
                    // Each path has as many holders: one of them answered.
                    isComplete: missing < cluster.node.replicationFactor)))
    }
}

extension PeerView {
    var isThere: Bool { state == .alive || state == .suspect }

    var isStoring: Bool { facts?.flags.contains(.isStorage) ?? true }
}

extension TrashResponse.Entry {
    fileprivate init(_ entry: TrashPage.Entry) {
        self.init(
            path: entry.path,
            version: HistoryEntry(
                facts: IPC.FileFacts(
                    byteCount: entry.byteCount, digest: entry.digest,
                    contentType: entry.contentType, created: entry.created,
                    modified: entry.modified, dot: entry.dot, time: entry.time),
                supersededAt: entry.since, isConflict: entry.isConflict))
    }
}
