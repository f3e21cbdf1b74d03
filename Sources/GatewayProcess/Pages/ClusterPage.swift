internal import IPC
internal import Model
internal import Peering

/// `/api/cluster-stats`: the core of `/status`, and all nodes that this one knows of, itself among
/// them.
enum ClusterPage {
    static func answer(_ exchange: Exchange) {
        ClusterFacts.ask(exchange.context) { facts in
            guard let cluster = facts.cluster else {
                return exchange.fail(
                    facts.problem
                        ?? Problem(.unavailable, "unavailable", "The store does not answer."))
            }
            exchange.context.link.call(.nodeUsage, seconds: GatewayLimits.probeWaitSeconds) {
                reply in
                var usage: [NodeID: NodeUsageList.Entry] = [:]
                // Where it cannot be had the rest is told all the same.
                if case .usage(let list) = reply {
                    for entry in list.entries { usage[entry.node] = entry }
                }
                let node = NodeFacts(exchange.context, facts)
                exchange.respond(json: json(node, cluster, usage))
            }
        }
    }

    static func json(
        _ facts: NodeFacts, _ status: ClusterStatus, _ usage: [NodeID: NodeUsageList.Entry]
    ) -> [UInt8] {
        var json = JSONWriter(capacity: 4096)
        json.object { json in
            facts.writeCore(&json)
            json.member("timestamp") { $0.value(utf8: RFC3339.format(facts.now)) }
            json.member("cluster_id", status.cluster)
            json.member("cluster_name", status.clusterName)
            json.member("layouts_in_use", status.layoutCount)
            json.member("settled", status.isSettled)
            json.member("clock_in_doubt", status.isClockInDoubt)
            json.member("key_problems") { json in
                json.array(facts.peers?.keyIncidents ?? []) { $0.value($1.sentence) }
            }
            json.member("peer_list") { json in
                json.array(status.nodes) { write($1, usage[$1.node], &$0) }
            }
        }
        return json.bytes
    }

    private static func write(
        _ node: ClusterStatus.Node, _ usage: NodeUsageList.Entry?, _ json: inout JSONWriter
    ) {
        json.object { json in
            json.member("node_id", node.node.name)
            json.member("state", node.state.name)
            json.member("is_self", node.isOwn)
            json.member("is_storage", node.isStorage)
            json.member("is_member", node.isMember)
            json.member("restarting", node.isRestarting)
            json.member("leaving", node.isLeaving)
            json.member("clock_in_doubt", node.isClockInDoubt)
            json.member("zone", node.zone)
            json.member("weight", node.weight)
            json.member("capacity", node.capacityByteCount)
            json.member("bytes_stored") { write(usage?.disk?.storedByteCount, &$0) }
            json.member("bytes_free") { write(usage?.disk?.freeByteCount, &$0) }
            json.member("last_seen") { json in
                if let heard = usage?.lastHeard {
                    json.value(utf8: RFC3339.format(heard))
                } else {
                    json.null()
                }
            }
            json.member("version", node.version)
            json.member("addresses") { json in
                json.array(node.addresses) { $0.value($1) }
            }
        }
    }

    private static func write(_ count: UInt64?, _ json: inout JSONWriter) {
        if let count { json.value(count) } else { json.null() }
    }
}
