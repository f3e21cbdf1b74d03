internal import Model

/// What `--sim-nodes` asks for once its nodes are ready: waits until they are one cluster, then puts a
/// small file for each of some nodes, unless it is there.
struct DemoCommand: Equatable {
    /// Nodes that must be alive.
    let count: Int
    /// The nodes that get a file.
    let names: [String]

    init(_ operands: [String]) throws(ControlError) {
        guard let count = operands.first.flatMap({ Int($0) }), count > 0 else {
            throw ControlError(.usage, "demo: how many nodes are there to be?")
        }
        self.count = count
        names = Array(operands.dropFirst())
        // What is a node id needs no escape in a path.
        for name in names where NodeID(name) == nil {
            throw ControlError(.usage, "demo: \"\(name)\" is no node id")
        }
    }

    /// - Returns: what is to be written.
    func run(_ client: GatewayClient) throws(ControlError) -> String {
        let deadline = Monotonic.now + ControlLimits.demoMax + ControlLimits.demoShare * count
        try waitForNodes(client, until: deadline)
        for name in names { try put(name, client, until: deadline) }
        return "\(count) nodes are one cluster\n"
    }

    private func waitForNodes(
        _ client: GatewayClient, until deadline: Duration
    ) throws(ControlError) {
        while true {
            let stats = try client.ask("GET", "/api/cluster-stats")
            let alive = DemoCommand.aliveCount(stats)
            if alive >= count { return }
            guard Monotonic.now < deadline else {
                throw ControlError(
                    .failed, "the nodes are no cluster yet: \(alive) of \(count) know each other",
                    hint: "see clusterfctl peers")
            }
            Monotonic.sleep(milliseconds: ControlLimits.demoPollMilliseconds)
        }
    }

    static func aliveCount(_ stats: JSONValue) -> Int {
        (stats["peer_list"]?.elements ?? []).count { $0["state"]?.text == "alive" }
    }

    private func put(
        _ name: String, _ client: GatewayClient, until deadline: Duration
    ) throws(ControlError) {
        let text = "This is the demo file of \(name). It was put once: change it, delete it.\n"
        while true {
            let answer = try client.answer(
                "PUT", "/api/files/demo/\(name).txt",
                fields: ["Content-Type: text/plain; charset=utf-8", "If-None-Match: *"],
                body: [UInt8](text.utf8))
            switch answer.status {
            // 412: somebody has put one already.
            case 200, 201, 412: return
            // The cluster has just begun, or the machine is slow; it is safe to repeat.
            case 503 where Monotonic.now < deadline:
                Monotonic.sleep(milliseconds: ControlLimits.demoPollMilliseconds)
            default:
                _ = try answer.json()
                throw ControlError(.failed, "the node answered \(answer.status)")
            }
        }
    }
}
