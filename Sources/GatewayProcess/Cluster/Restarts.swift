internal import IPC
internal import Model

/// `/api/workers/<name>/restart`: the node's own supervisor restarts a worker, as `clusterfctl restart`
/// does. Answered when the new life serves.
enum Restarts {
    private static let prefix = [UInt8]("/api/workers/".utf8)
    private static let suffix = [UInt8]("/restart".utf8)

    /// The worker that a path names; nil where it is another path.
    static func worker(of path: [UInt8]) -> String? {
        guard path.starts(with: prefix), path.count > prefix.count + suffix.count,
            path.suffix(suffix.count).elementsEqual(suffix)
        else { return nil }
        let name = path[prefix.count..<path.count - suffix.count]
        // Workers have short plain names; what is none is asked for nowhere.
        guard name.count <= GatewayLimits.workerNameByteCountMax,
            name.allSatisfy({ (0x61...0x7A).contains($0) || $0 == 0x2D })
        else { return nil }
        return String(decoding: name, as: UTF8.self)
    }

    /// `/api/cluster-restart`: all workers of all nodes of the cluster, one node after the other.
    static func restartCluster(_ exchange: Exchange) throws(Problem) {
        try JSONBody.read(exchange, known: [], mayBeEmpty: true) { _ throws(Problem) in
            exchange.context.link.call(.restartCluster) { reply in
                guard case .restarting(let plan) = reply else {
                    return exchange.fail(StoreFailure.problem(reply))
                }
                var json = JSONWriter()
                json.object { json in
                    json.member("success", true)
                    json.member(
                        "message", "The nodes restart their workers, one after the other.")
                    json.member("nodes") { $0.array(plan.nodes) { $0.value($1.name) } }
                }
                exchange.respond(.accepted, json: json.bytes)
            }
        }
    }

    static func restart(_ worker: String, _ exchange: Exchange) throws(Problem) {
        guard worker != RestartRequest.allWorkers else {
            throw Problem(
                .notFound, "not_found", "There is no worker \(worker).",
                hint: "POST /api/cluster-restart restarts all workers of all nodes.")
        }
        try JSONBody.read(exchange, known: [], mayBeEmpty: true) { _ throws(Problem) in
            guard let order = exchange.context.restart else {
                throw Problem(.unavailable, "unavailable", "The gateway is only starting.")
            }
            order(worker) { result in
                switch result {
                case .failure(let error): exchange.fail(Problem(error))
                case .success:
                    var json = JSONWriter()
                    json.object { json in
                        json.member("success", true)
                        json.member("worker", worker)
                        json.member("message", "A new \(worker) serves.")
                    }
                    exchange.respond(json: json.bytes)
                }
            }
        }
    }
}
