internal import IPC
internal import Model
internal import Peering

/// What may be wrong with the node or its cluster, and what to do about it.
struct Finding: Equatable {
    enum Level: String {
        /// Something does not work.
        case problem
        /// It works, and will not for long, or not for all.
        case warning
        /// Worth knowing, and nothing to be done.
        case note
    }

    var level: Level
    /// A stable word for programs.
    var code: String
    /// Whom it is about; empty: this node.
    var node = ""
    var message: String
    var hint = ""
}

/// Looks for what may be wrong, by what the gateway and its store know at one moment.
struct Doctor {
    var node: NodeStatus?
    var store: StoreStatus?
    var cluster: ClusterStatus?
    var usage: NodeUsageList?
    /// Nil where this gateway has no peers, or they did not answer.
    var peers: PeersReport?
    var lacksCopies: PartitionCounts.Count?
    var discoveryPort: UInt16 = 0
    var hasSeeds = false

    /// The most urgent first.
    var findings: [Finding] {
        let all = ofWorkers + ofStore + ofDisks + ofNodes + ofNetwork + ofCopies
        let order: [Finding.Level] = [.problem, .warning, .note]
        return order.flatMap { level in all.filter { $0.level == level } }
    }

    // MARK: This node

    private var ofWorkers: [Finding] {
        let slow = (node?.workers ?? []).filter { !["ready", "dormant"].contains($0.state) }
        let workers = slow.map { worker in
            Finding(
                level: .problem, code: "worker_not_ready",
                message: "The worker \(worker.name) is \(worker.state).",
                hint: "clusterfctl logs \(worker.name) says why.")
        }
        let warnings = (node?.warnings ?? []).map { text in
            Finding(level: .warning, code: "node_warning", message: text)
        }
        return workers + warnings
    }

    private var ofStore: [Finding] {
        guard let store else {
            return [
                Finding(
                    level: .problem, code: "store_not_ready", message: "The store does not answer.",
                    hint: "clusterfctl workers shows its state, clusterfctl logs store says why.")
            ]
        }
        // Those of the clock, of nodes of one id and of other clusters are among them.
        var found = store.warnings.map {
            Finding(level: .warning, code: "store_warning", message: $0)
        }
        if store.isReadOnly {
            found.append(
                Finding(
                    level: .problem, code: "read_only",
                    message: "The store is read-only after errors of its disk.",
                    hint: "Look at the disk (dmesg, smartctl), then restart the node."))
        }
        if cluster?.isClockInDoubt == true {
            found.append(
                Finding(
                    level: .problem, code: "clock",
                    message: "This node's clock differs from the others': it stamps no writes.",
                    hint: "Set the clock, for example with an NTP service."))
        }
        return found
    }

    // MARK: Disks

    private var ofDisks: [Finding] {
        (cluster?.nodes ?? []).compactMap { node in
            let free =
                node.isOwn
                ? store?.freeByteCount
                : usage?.entries.first { $0.node == node.node }?.disk?.freeByteCount
            guard let free, node.isStorage else { return nil }
            let limit = max(
                node.capacityByteCount / 100 * GatewayLimits.diskLowPercent,
                GatewayLimits.diskLowByteCount)
            guard free < limit else { return nil }
            return Finding(
                level: .warning, code: "disk_low", node: node.isOwn ? "" : node.node.name,
                message: "The disk is nearly full: \(free >> 20) MiB are free.",
                hint: "Delete files, or add a node: writes that find no room are refused.")
        }
    }

    // MARK: Other nodes

    private var others: [ClusterStatus.Node] { (cluster?.nodes ?? []).filter { !$0.isOwn } }

    private var ofNodes: [Finding] { others.flatMap(found) }

    private func found(of node: ClusterStatus.Node) -> [Finding] {
        let name = node.node.name
        var found: [Finding] = []
        let peer = peers?.peers.first { $0.node == node.node }
        switch node.state {
        case .dead, .suspect, .unknown: found.append(unseen(node, peer))
        case .out:
            found.append(
                Finding(
                    level: .note, code: "peer_out", node: name,
                    message: "Node \(name) is dead and out of the layout: others hold its files.",
                    hint: "Started again it comes back."))
        case .left: break
        case .alive:
            guard let peer, peer.link != .linked, let problem = peer.problem else { break }
            found.append(
                Finding(
                    level: .warning, code: "peer_not_linked", node: name,
                    message: "Node \(name) lives, and there is no connection to it: \(problem).",
                    hint: hint(for: problem)))
        }
        if node.isClockInDoubt {
            found.append(
                Finding(
                    level: .warning, code: "peer_clock", node: name,
                    message: "Node \(name) says that its clock differs from the others'.",
                    hint: "Set the clock there, for example with an NTP service."))
        }
        let own = self.node?.facts["version"] ?? Program.version
        if !node.version.isEmpty, node.version != own, node.state == .alive {
            found.append(
                Finding(
                    level: .note, code: "peer_version", node: name,
                    message: "Node \(name) runs version \(node.version), this node \(own).",
                    hint: "Update the older one when it suits."))
        }
        return found
    }

    private func unseen(_ node: ClusterStatus.Node, _ peer: PeersReport.Peer?) -> Finding {
        let name = node.node.name
        let what = node.state == .suspect ? "does not answer at this moment" : "is not seen"
        var message = "Node \(name) \(what)"
        if let problem = peer?.problem {
            let place = peer?.address.map { " at \($0.host):\($0.port)" } ?? ""
            message += "\(place): \(problem)"
            return Finding(
                level: .problem, code: "peer_unseen", node: name, message: message + ".",
                hint: hint(for: problem))
        }
        if peer == nil { message += ", and this gateway heard nothing of it" }
        return Finding(
            level: .problem, code: "peer_unseen", node: name, message: message + ".",
            hint: "See whether it runs and is on the network. "
                + "If it is gone for good: clusterfctl out \(name) --force.")
    }

    /// What to do about what a gateway said of a peer, or a refusal.
    private func hint(for problem: String) -> String {
        let text = problem.lowercased()
        func says(_ words: [String]) -> Bool { words.contains { text.contains($0) } }
        if says(["key"]) {
            return "Both nodes need the same --cluster-key-file, or none."
        }
        if says(["two nodes have the id", "of the node itself"]) {
            return "Give one of the two another --node-id."
        }
        if says(["belongs to the cluster", "cluster name"]) {
            return "Start it with this node's --cluster-name, if it belongs here."
        }
        if says(["speaks", "version"]) { return "Update the older of the two." }
        if says(["clock"]) { return "Set the clocks, for example with an NTP service." }
        if says(["connection refused", "econnrefused"]) {
            return "Nobody listens there: see whether the node runs, and on which --peer-port."
        }
        if says(["timed out", "unreachable", "no route", "does not answer", "etimedout"]) {
            return "A firewall may be between: its TCP and UDP --peer-port must be open."
        }
        if says(["public address"]) {
            return "Without --cluster-key-file only nodes of private networks are taken."
        }
        return "See clusterfctl logs gateway on both nodes."
    }

    // MARK: The network

    private var ofNetwork: [Finding] {
        guard let peers else { return [] }
        var found = peers.seeds.compactMap { seed in
            seed.problem.map { problem in
                Finding(
                    level: .problem, code: "seed",
                    message: "--join \(seed.name) leads nowhere: \(problem).",
                    hint: hint(for: problem))
            }
        }
        for incident in peers.keyIncidents
        where !found.contains(where: { $0.message.contains(incident.sentence) }) {
            found.append(
                Finding(
                    level: .problem, code: "cluster_key", node: incident.node?.name ?? "",
                    message: incident.sentence, hint: hint(for: "key")))
        }
        for foreign in peers.foreign {
            found.append(
                Finding(
                    level: others.isEmpty ? .warning : .note, code: "other_cluster_name",
                    message: "Nodes of a cluster named \"\(foreign.cluster)\" are on this network "
                        + "(\(foreign.address.host)); this one is named "
                        + "\"\(cluster?.clusterName ?? "")\".",
                    hint: "Those that belong together need the same --cluster-name."))
        }
        for incident in peers.incidents
        where incident.at < .seconds(GatewayLimits.incidentAgeSeconds) {
            let name = incident.node?.name ?? ""
            // Said of the node itself already.
            if found.contains(where: { $0.message.contains(incident.sentence) }) { continue }
            found.append(
                Finding(
                    level: .warning, code: "incident", node: name, message: incident.sentence,
                    hint: hint(for: incident.sentence)))
        }
        if discoveryPort == 0, !hasSeeds {
            found.append(
                Finding(
                    level: others.isEmpty ? .note : .warning, code: "discovery_off",
                    message: "Discovery is off, and no node is named: new ones are not found.",
                    hint: "Name others with --join HOST:PORT, or leave out --discovery-address off."
                ))
        }
        return found
    }

    // MARK: Copies

    private var ofCopies: [Finding] {
        guard let cluster, let lacksCopies, lacksCopies.underReplicated > 0 else { return [] }
        let storing = cluster.nodes.count { $0.isMember }
        let wanted = Int(cluster.replicationFactor)
        if storing < wanted {
            return [
                Finding(
                    level: .note, code: "too_few_nodes",
                    message: "Files are to be on \(wanted) nodes, and \(storing) store files.",
                    hint: "Add nodes, or: clusterfctl set replication_factor \(max(1, storing)).")
            ]
        }
        let count = "\(lacksCopies.isMinimum ? "more than " : "")\(lacksCopies.underReplicated)"
        return [
            Finding(
                level: .warning, code: "under_replicated",
                message: "Copies are missing in \(count) partitions of this node.",
                hint: cluster.isSettled
                    ? "clusterfctl repair compares now; /api/under-replicated lists them."
                    : "They are being made; /api/under-replicated lists them.")
        ]
    }
}
