internal import Cluster
internal import IPC
internal import Model
internal import Replication

// What a path held before.
extension Store {
    func history(_ request: HistoryRequest, _ reply: @escaping Reply<HistoryResponse>) {
        let reply = counted(reply)
        // A read-only disk begins no life in the cluster.
        guard !engine.isReadOnly else { return reply(.failure(.readOnly)) }
        askCluster(.history(request.path)) { answer in
            guard case .history(let register) = answer else {
                return reply(.failure(self.failure(answer, at: request.path)))
            }
            let entries = self.withoutEmptied(register).historyEntries
                .prefix(IPCLimits.historyMax)
            guard !entries.isEmpty else {
                return reply(
                    .failure(
                        RemoteError(.notFound, "nothing is, or is kept, at \(request.path)")))
            }
            reply(.success(HistoryResponse(entries: Array(entries))))
        }
    }

    /// A kept version, or the newest by its name.
    func lookUp(
        _ request: LookupRequest, version dot: Dot, _ reply: @escaping Reply<LookupReply>
    ) {
        let reply = counted(reply)
        guard !engine.isReadOnly else { return reply(.failure(.readOnly)) }
        askCluster(.history(request.path)) { answer in
            guard case .history(let register) = answer else {
                return reply(.failure(self.failure(answer, at: request.path)))
            }
            let left = self.withoutEmptied(register)
            guard let record = left.restorable.first(where: { $0.dot == dot })?.record else {
                return reply(
                    .failure(
                        .versionNotKept(request.path)))
            }
            guard request.wantsContent else {
                return reply(.success(LookupReply(response: .file(IPC.FileFacts(record)))))
            }
            self.findContent(record, request.path) { result in
                guard case .failure(let error) = result, error.code == .internalError else {
                    return reply(result)
                }
                reply(
                    .failure(
                        .versionMadeWay))
            }
        }
    }

    /// Without what went with the trash.
    func withoutEmptied(_ register: Register) -> Register {
        guard register.head?.value.facts == nil else { return register }
        var left = register
        left.kept.removeAll { $0.since <= cluster.node.clusterSettings.trashEmptiedUntil }
        return left
    }

    func purge(_ request: PurgeRequest, _ reply: @escaping Reply<Empty>) {
        let reply = counted(reply)
        guard !engine.isReadOnly else { return reply(.failure(.readOnly)) }
        let (path, purge): (StorePath, ClientRequest)
        switch request {
        case .trashed(let path): return purgeTrash(at: path, hasFound: false, reply)
        case .versions(let at, let dots): (path, purge) = (at, .purge(at, dots))
        // Above all that this node knows: what is deleted from here on is younger.
        case .trash:
            path = .root
            purge = .setSetting(
                key: ClusterSettings.trashEmptiedKey,
                value: ClusterSettings.text(of: cluster.node.latestTime(clusterNow)))
        }
        askCluster(purge) { answer in
            if case .done = answer { return reply(.success(Empty())) }
            reply(.failure(self.failure(answer, at: path)))
        }
    }

    /// Page by page, until nothing is listed there any more.
    private func purgeTrash(
        at path: StorePath, hasFound: Bool, _ reply: @escaping Reply<Empty>
    ) {
        let request = TrashRequest(
            directory: path, after: nil, limit: UInt32(StoreLimits.deletionPageCount))
        trash(request) { result in
            switch result {
            case .failure(let error): reply(.failure(error))
            case .success(let page) where page.entries.isEmpty:
                reply(
                    hasFound
                        ? .success(Empty())
                        : .failure(
                            RemoteError(
                                .notFound, "nothing is in the trash at \(path)",
                                hint: "GET /api/trash lists what is")))
            case .success(let page): self.purge(page.entries.map(\.path), at: path, reply)
            }
        }
    }

    private func purge(
        _ paths: [StorePath], at directory: StorePath, hasPurged: Bool = false,
        _ reply: @escaping Reply<Empty>
    ) {
        guard let path = paths.first else {
            // What a node that is behind still lists is gone for the others.
            return hasPurged
                ? purgeTrash(at: directory, hasFound: true, reply) : reply(.success(Empty()))
        }
        askCluster(.purge(path, [])) { answer in
            switch answer {
            case .done, .notFound:
                self.purge(
                    Array(paths.dropFirst()), at: directory,
                    hasPurged: hasPurged || answer == .done, reply)
            default: reply(.failure(self.failure(answer, at: path)))
            }
        }
    }
}

extension Register {
    /// As clients see it, newest first.
    fileprivate var historyEntries: [HistoryEntry] {
        restorable.compactMap { version in
            guard let record = version.record else { return nil }
            let kept = kept.first { $0.dot == version.dot }
            return HistoryEntry(
                facts: IPC.FileFacts(record), supersededAt: kept?.since,
                isConflict: kept?.isConflict ?? false)
        }
    }
}
