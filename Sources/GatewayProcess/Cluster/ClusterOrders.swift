internal import IPC
internal import Model

/// `/api/cluster/…`: what an operator orders of this node as a member of its cluster.
enum ClusterOrders {
    static func leave(_ exchange: Exchange) throws(Problem) {
        try JSONBody.read(exchange, known: [], mayBeEmpty: true) { _ throws(Problem) in
            order(
                .leave, exchange, .accepted,
                "The node hands over what it has, and leaves when others have all of it.")
        }
    }

    static func cancelLeave(_ exchange: Exchange) throws(Problem) {
        try JSONBody.read(exchange, known: [], mayBeEmpty: true) { _ throws(Problem) in
            order(.cancelLeave, exchange, .ok, "The node stays.")
        }
    }

    static func out(_ exchange: Exchange) throws(Problem) {
        try JSONBody.read(exchange, known: ["node", "force"]) { body throws(Problem) in
            guard let node = body["node"]?.text.flatMap(NodeID.init) else {
                throw Problem(.badRequest, "bad_value", "node must be the id of a node.")
            }
            guard body["force"]?.truth == true else {
                throw Problem(
                    .badRequest, "not_forced",
                    "Taking a node out gives up what it alone has; this must be said.",
                    hint: "Say \"force\": true. A node that lives should leave instead.")
            }
            order(.takeOut(node), exchange, .ok, "The node is out of the layout.")
        }
    }

    static func join(_ exchange: Exchange) throws(Problem) {
        try JSONBody.read(exchange, known: ["merge"]) { body throws(Problem) in
            guard let hex = body["merge"]?.text, hex.utf8.count == 32,
                hex.utf8.allSatisfy({ Hex.nibble($0) != nil })
            else {
                throw Problem(
                    .badRequest, "bad_value",
                    "merge must be the id of a cluster: 32 hexadecimal digits.")
            }
            order(
                .merge(into: hex), exchange, .accepted,
                "This node's cluster becomes part of the other one.")
        }
    }

    private static func order(
        _ request: AdministerRequest, _ exchange: Exchange, _ status: Status, _ message: String
    ) {
        exchange.administer(request) {
            var json = JSONWriter()
            json.object { json in
                json.member("success", true)
                json.member("message", message)
            }
            exchange.respond(status, json: json.bytes)
        }
    }
}
