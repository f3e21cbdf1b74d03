internal import IPC
internal import Model

/// `/api/repair`: a pass of comparisons with all nodes that hold what this one holds.
enum Repair {
    /// Begins a pass, or joins the one that is under way.
    static func begin(_ exchange: Exchange) throws(Problem) {
        try JSONBody.read(exchange, known: [], mayBeEmpty: true) { _ throws(Problem) in
            ask(.begin, exchange, .accepted)
        }
    }

    /// How the last pass went; with `?wait=1` when it is over, or some seconds later.
    static func tell(_ exchange: Exchange) throws(Problem) {
        let query = try Query.of(exchange)
        ask(query.isSet("wait") ? .untilDone : .tell, exchange, .ok)
    }

    private static func ask(_ request: RepairRequest, _ exchange: Exchange, _ status: Status) {
        exchange.context.link.call(.repair(request)) { reply in
            guard case .repair(let pass) = reply else {
                return exchange.fail(StoreFailure.problem(reply))
            }
            exchange.respond(status, json: json(pass))
        }
    }

    private static func json(_ pass: RepairStatus) -> [UInt8] {
        var json = JSONWriter(capacity: 128 + 128 * pass.peers.count)
        json.object { json in
            json.member("id", pass.number)
            json.member("done", pass.isDone)
            json.member("peers") { json in
                json.array(pass.peers) { json, peer in
                    json.object { json in
                        json.member("node_id", peer.node.name)
                        json.member("outcome", peer.outcome.name)
                        json.member("comparisons", peer.comparisonCount)
                        json.member("partitions_differing", peer.differingCount)
                        json.member("bytes_moved", peer.movedByteCount)
                    }
                }
            }
        }
        return json.bytes
    }
}

extension RepairStatus.Outcome {
    fileprivate var name: String {
        switch self {
        case .underWay: "under way"
        case .equal: "equal"
        case .differs: "differs"
        case .unreachable: "unreachable"
        case .failed: "failed"
        }
    }
}

extension Query {
    /// The query of a request.
    /// - Throws: 400 where it cannot be read.
    static func of(_ exchange: Exchange) throws(Problem) -> Query {
        guard let text = exchange.head.query else { return .none }
        guard let query = Query(text[...]) else {
            throw Problem(.badRequest, "bad_escape", "The query has a broken percent escape.")
        }
        return query
    }
}
