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
            let entries = register.historyEntries.prefix(IPCLimits.historyMax)
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
            guard let record = register.restorable.first(where: { $0.dot == dot })?.record else {
                return reply(
                    .failure(
                        RemoteError(
                            .notFound, "no such version of \(request.path) is kept",
                            hint: "GET /api/versions/ of the path lists those that are")))
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
                        RemoteError(
                            .notFound, "the content of this version made way for newer ones",
                            hint: "trash_percent and versions_max say how much is kept")))
            }
        }
    }

    func purge(_ request: PurgeRequest, _ reply: @escaping Reply<Empty>) {
        let reply = counted(reply)
        guard !engine.isReadOnly else { return reply(.failure(.readOnly)) }
        let (path, purge): (StorePath, ClientRequest) =
            switch request {
            case .versions(let path, let dots): (path, .purge(path, dots))
            // Above all that this node knows: what is deleted from here on is younger.
            case .trash:
                (
                    .root,
                    .setSetting(
                        key: ClusterSettings.trashEmptiedKey,
                        value: ClusterSettings.text(of: cluster.node.latestTime(clusterNow)))
                )
            }
        askCluster(purge) { answer in
            if case .done = answer { return reply(.success(Empty())) }
            reply(.failure(self.failure(answer, at: path)))
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
