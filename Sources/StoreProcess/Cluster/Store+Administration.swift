internal import CRDT
internal import Cluster
internal import IPC
internal import Membership
internal import Model

// What operators ask of the cluster, and what they are told of it.
extension Store {
    func clusterStatus() -> ClusterStatus {
        let brain = cluster.node
        var nodes: [ClusterStatus.Node] = []
        // Half a frame: beyond it names are left out, of clusters that nobody looks at as a list.
        var byteCount = 0
        for view in brain.peerViews {
            let node = ClusterStatus.Node(view)
            byteCount += 128 + node.addresses.reduce(0) { $0 + 8 + $1.utf8.count }
            guard byteCount < IPCLimits.listingPageByteCountMax,
                nodes.count < IPCLimits.clusterNodesMax
            else { break }
            nodes.append(node)
        }
        return ClusterStatus(
            cluster: brain.cluster?.hex ?? "", clusterName: cluster.name,
            replicationFactor: UInt8(clamping: brain.replicationFactor), nodes: nodes,
            layoutCount: UInt32(clamping: brain.activeLayouts.count), isSettled: brain.isSettled,
            isClockInDoubt: brain.isClockInDoubt)
    }

    func settings() -> ClusterSettingsList {
        ClusterSettingsList(entries: cluster.node.settingViews.map(ClusterSettingsList.Entry.init))
    }

    func partitionHealth(_ request: PartitionHealthRequest) -> PartitionHealthResponse {
        // With the longest names and 255 copies each a page stays below a frame.
        let limit = max(1, min(Int(clamping: request.limit), StoreLimits.healthPageCount))
        let found = cluster.node.partitionHealth(
            after: request.after, onlyUnderReplicated: request.onlyUnderReplicated,
            limit: limit + 1)
        return PartitionHealthResponse(
            replicationFactor: UInt8(clamping: cluster.node.replicationFactor),
            entries: found.prefix(limit).map { health in
                PartitionHealthResponse.Entry(
                    partition: health.partition, holders: health.holders,
                    missingCount: UInt8(clamping: health.missingCount),
                    itemCount: UInt64(health.itemCount))
            }, hasMore: found.count > limit)
    }

    func partitionFiles(
        _ request: PartitionFilesRequest, _ reply: @escaping Reply<PartitionFilesResponse>
    ) {
        let reply = counted(reply)
        askDisk(.partitionFiles(request.partitions)) { answer in
            switch answer {
            case .success(.partitionFiles(let response)): reply(.success(response))
            case .failure(let error): reply(.failure(error))
            default: preconditionFailure("a finding for another request")
            }
        }
    }

    func administer(_ request: AdministerRequest, _ reply: @escaping Reply<Empty>) {
        let reply = counted(reply)
        guard !engine.isReadOnly else { return reply(.failure(.readOnly)) }
        guard let request = request.clientRequest else {
            return reply(.failure(RemoteError(.invalid, "no such cluster")))
        }
        if case .setSetting(Quota.settingKey, let value) = request {
            do throws(Quota.Fault) {
                _ = try Quota.parse(value)
            } catch {
                return reply(
                    .failure(RemoteError(.invalid, error.text, hint: "nothing was changed")))
            }
        }
        askCluster(request) { answer in
            switch answer {
            case .done: reply(.success(Empty()))
            case .refused(let reason): reply(.failure(.refused(reason)))
            default: reply(.failure(self.failure(answer, at: .root)))
            }
        }
    }
}

extension AdministerRequest {
    fileprivate var clientRequest: ClientRequest? {
        switch self {
        case .setReplicationFactor(let factor): .setReplicationFactor(Int(factor))
        case .set(let key, let value): .setSetting(key: key, value: value)
        case .leave: .leave
        case .cancelLeave: .cancelLeave
        case .takeOut(let node): .takeOut(node)
        case .merge(let hex): ClusterID(hex: hex).map { .joinCluster($0) }
        }
    }
}

extension ClusterStatus.Node {
    fileprivate init(_ view: PeerView) {
        self.init(node: view.node, isOwn: view.isOwn, state: .init(view))
        isRestarting = view.isRestarting
        isMember = view.isMember
        guard let facts = view.facts else { return }
        isStorage = facts.flags.contains(.isStorage)
        isLeaving = facts.flags.contains(.isLeaving)
        isClockInDoubt = facts.flags.contains(.clockInDoubt)
        zone = facts.zone
        weight = facts.weight
        capacityByteCount = facts.capacityBytes
        version = facts.programVersion
        addresses = Array(facts.addresses.prefix(IPCLimits.addressCountMax))
    }
}

extension ClusterStatus.State {
    fileprivate init(_ view: PeerView) {
        let isStorage = view.facts?.flags.contains(.isStorage) ?? true
        self =
            switch view.state {
            case .alive: .alive
            case .suspect: .suspect
            // One that stores nothing is in no layout anyway.
            case .dead: isStorage && !view.isMember ? .out : .dead
            case .left: .left
            case nil: .unknown
            }
    }
}

extension ClusterSettingsList.Entry {
    fileprivate init(_ view: SettingView) {
        let (type, range): (String, String) =
            switch view.kind {
            case .seconds(let range):
                (
                    "seconds",
                    "\(range.lowerBound.components.seconds)..\(range.upperBound.components.seconds)"
                )
            case .days(let range):
                (
                    "days",
                    "\(range.lowerBound.components.seconds / 86_400).."
                        + "\(range.upperBound.components.seconds / 86_400)"
                )
            case .number(let range): ("number", "\(range.lowerBound)..\(range.upperBound)")
            case .choice(let values): ("choice", values.joined(separator: "|"))
            case .boolean: ("boolean", "true|false")
            case .quotas: ("text", "")
            case .unknown: ("text", "")
            }
        self.init(
            key: view.key, value: view.value, standard: view.standard, type: type, range: range,
            setAt: view.set.map {
                Timestamp(nanoseconds: Int64(clamping: $0.at.wallMilliseconds) * 1_000_000)
            }, setBy: view.set?.by.name ?? "")
    }
}

extension RemoteError {
    /// An operator asked for what cannot be.
    fileprivate static func refused(_ reason: RefusalReason) -> RemoteError {
        let text =
            switch reason {
            case .invalidValue: "the value is outside of its range"
            case .limitReached: "there are as many as there may be"
            case .lastMember: "the last node that stores cannot leave: nobody would have the files"
            case .notLeaving: "the node is not leaving"
            case .isItself: "a node cannot take itself out: let it leave"
            case .isAlive: "the node is alive: let it leave instead"
            case .notAMember: "no such node is in the layout"
            case .isTheSame: "the node is in that cluster already"
            case .isNotReached: "nobody of that cluster was heard of"
            case .hasLeft: "the node has left: start it again to come back"
            }
        return RemoteError(.invalid, text)
    }
}
