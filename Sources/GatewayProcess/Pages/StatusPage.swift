internal import IPC
internal import Model
internal import Peering

/// `/status`, and what monitors ask.
enum StatusPage {
    /// Whether the process answers.
    static func answerHealth(_ exchange: Exchange) {
        exchange.respond(.ok, type: "text/plain; charset=utf-8", body: "ok\n".utf8) { head in
            head.field("Cache-Control", "no-store")
        }
    }

    /// Whether the store answers too.
    static func answerReadiness(_ exchange: Exchange) {
        exchange.context.link.call(.status, seconds: GatewayLimits.probeWaitSeconds) { reply in
            guard case .status = reply else {
                return exchange.fail(
                    Problem(.unavailable, "not_ready", "The store does not answer."))
            }
            exchange.respond(.ok, type: "text/plain; charset=utf-8", body: "ready\n".utf8) { head in
                head.field("Cache-Control", "no-store")
            }
        }
    }

    /// All that is known of the node. Answers without the store too, and says so.
    static func answer(_ exchange: Exchange) {
        ClusterFacts.ask(exchange.context) { facts in
            exchange.respond(json: NodeFacts(exchange.context, facts).json())
        }
    }

    /// `/api/partition-stats`.
    static func answerPartitions(_ exchange: Exchange) {
        ClusterFacts.ask(exchange.context) { facts in
            if let problem = facts.problem { return exchange.fail(problem) }
            var json = JSONWriter()
            NodeFacts(exchange.context, facts).writePartitions(&json)
            exchange.respond(json: json.bytes)
        }
    }
}

/// What `/status` says.
struct NodeFacts {
    var settings: GatewaySettings
    var node: NodeStatus?
    /// Nil while the store does not answer; so the next two.
    var store: StoreStatus?
    var cluster: ClusterStatus?
    var count: PartitionCounts.Count?
    /// Nil where this node has no peers.
    var peers: PeersSummary?
    var now: Timestamp

    init(_ context: LoopContext, _ facts: ClusterFacts) {
        settings = context.settings
        node = context.node
        store = facts.store
        cluster = facts.cluster
        count = facts.count
        peers = facts.peers
        now = WallClock.now()
    }

    func json() -> [UInt8] {
        var json = JSONWriter(capacity: 2048)
        json.object { json in
            writeCore(&json)
            json.member("workers") { writeWorkers(&$0) }
            json.member("storage") { writeStorage(&$0) }
            if let peers { json.member("peer_network") { NetworkFacts.write(peers, &$0) } }
            json.member("warnings") { json in
                json.array(warnings) { $0.value($1) }
            }
        }
        return json.bytes
    }

    /// The members that `/api/cluster-stats` has too.
    func writeCore(_ json: inout JSONWriter) {
        json.member("node_id", settings.nodeID)
        json.member("version", fact("version") ?? Program.version)
        json.member("data_dir", fact(ConfigurationKey.dataDirectory) ?? "")
        json.member("http_port", number(ConfigurationKey.httpPort))
        json.member("peer_port", number(ConfigurationKey.peerPort))
        json.member("discovery_port", number(ConfigurationKey.discoveryPort))
        json.member("uptime_seconds", uptimeSeconds)
        json.member("replication_factor") { writeReplicationFactor(&$0) }
        json.member("partition_stats") { writePartitions(&$0) }
        json.member("peers", cluster?.alivePeerCount ?? 0)
    }

    private func writeReplicationFactor(_ json: inout JSONWriter) {
        if let cluster { json.value(cluster.replicationFactor) } else { json.null() }
    }

    private func fact(_ name: String) -> String? { node?.facts[name] ?? settings.facts[name] }

    private func number(_ name: String) -> Int { fact(name).flatMap { Int($0) } ?? 0 }

    private var uptimeSeconds: Int64 {
        let started =
            node?.started.nanoseconds
            ?? settings.facts[ConfigurationKey.started].flatMap { Int64($0) }
        guard let started else { return 0 }
        return max(0, (now.nanoseconds - started) / 1_000_000_000)
    }

    private var warnings: [String] {
        var all = node?.warnings ?? []
        if let store {
            all += store.warnings
            if store.isReadOnly { all.append("the store is read-only") }
            if cluster?.isClockInDoubt == true {
                all.append("the node's clock differs from those of the others")
            }
        } else {
            all.append("the store does not answer")
        }
        return all + (peers?.keyIncidents.map(\.sentence) ?? [])
    }

    func writePartitions(_ json: inout JSONWriter) {
        let missing = count?.underReplicated ?? 0
        json.object { json in
            json.member("local_partitions", store?.partitionCount ?? 0)
            json.member("total_partitions", Partition.count)
            json.member("under_replicated", missing)
            json.member("under_replicated_is_minimum", count?.isMinimum ?? false)
            // Something is left to be moved, compared or listed: at least what lacks copies.
            json.member("pending_sync", cluster?.isSettled ?? true ? 0 : max(1, missing))
            json.member("total_files", store?.fileCount ?? 0)
            json.member("total_bytes", store?.contentByteCount ?? 0)
            json.member("replication_factor") { writeReplicationFactor(&$0) }
            json.member("partition_count_limit", Partition.count)
        }
    }

    private func writeWorkers(_ json: inout JSONWriter) {
        json.array(node?.workers ?? []) { json, worker in
            json.object { json in
                json.member("name", worker.name)
                json.member("pid", worker.pid)
                json.member("state", worker.state)
                json.member("generation", worker.generation)
                json.member("restarts", worker.restarts)
                json.key("ready_since")
                if let since = worker.readySince {
                    json.value(utf8: RFC3339.format(since))
                } else {
                    json.null()
                }
            }
        }
    }

    private func writeStorage(_ json: inout JSONWriter) {
        json.object { json in
            json.member("major", store?.storageMajor ?? "")
            json.member("minor", store?.storageMinor ?? "")
            json.member("encrypted", store?.isEncrypted ?? false)
            json.member("bytes_used", store?.contentByteCount ?? 0)
            json.member("bytes_free", store?.freeByteCount ?? 0)
            json.member("kept_versions", store?.keptCount ?? 0)
            json.member("bytes_kept", store?.keptByteCount ?? 0)
        }
    }
}

extension ClusterStatus {
    /// Other nodes that live.
    var alivePeerCount: Int { nodes.count { !$0.isOwn && $0.state == .alive } }
}
