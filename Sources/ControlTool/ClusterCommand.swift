internal import Model

/// A command that the node's gateway answers, over HTTP.
enum ClusterCommand: Equatable {
    case peers
    case settings
    case set(key: String, value: String)
    case leave
    case cancelLeave
    case out(node: String)
    /// The id of the other cluster.
    case merge(into: String)
    case repair
    case scrub(isOfCluster: Bool)
    case doctor

    /// The command that the words are; nil where `name` is none of these.
    init?(
        _ name: String, _ operands: [String], _ arguments: ControlArguments
    ) throws(ControlError) {
        switch name {
        case "peers": self = .peers
        case "settings": self = .settings
        case "set":
            guard operands.count >= 2 else {
                throw ControlError(
                    .usage, "set what? Name a setting and its value",
                    hint: "clusterfctl settings lists them; \"\" sets the default again")
            }
            self = .set(key: operands[0], value: operands[1])
        case "leave": self = .leave
        case "cancel-leave": self = .cancelLeave
        case "out":
            guard let node = operands.first else { throw ControlError(.usage, "out: which node?") }
            guard NodeID(node) != nil else {
                throw ControlError(.usage, "out: \"\(node)\" is no node id")
            }
            guard arguments.force else {
                throw ControlError(
                    .usage, "out gives up what the node alone has: say --force",
                    hint: "a node that lives should leave instead")
            }
            self = .out(node: node)
        case "join":
            guard let cluster = arguments.merge else {
                throw ControlError(
                    .usage, "join: say --merge CLUSTER",
                    hint: "a node finds its first cluster by --join HOST:PORT at its start")
            }
            self = .merge(into: cluster)
        case "repair": self = .repair
        case "scrub":
            guard operands.first.map({ $0 == "cluster" }) ?? true else {
                throw ControlError(
                    .usage, "scrub what? \"scrub\" checks this node, \"scrub cluster\" all of them")
            }
            self = .scrub(isOfCluster: !operands.isEmpty)
        case "doctor": self = .doctor
        default: return nil
        }
        let operandMax = name == "set" ? 2 : ["out", "scrub"].contains(name) ? 1 : 0
        guard operands.count <= operandMax else {
            throw ControlError(.usage, "too much: \(operands[operandMax])")
        }
    }

    /// What is to be written, and whether all is well.
    struct Result: Equatable {
        var text: String
        var isGood = true
    }

    /// Asks the gateway.
    func run(_ client: GatewayClient, json: Bool) throws(ControlError) -> Result {
        let (method, path, body) = request
        var answer = try client.ask(method, path, body: body)
        if self == .repair { answer = try RepairReport.awaitEnd(answer, client) }
        if case .scrub = self { answer = try ScrubReport.awaitEnd(answer, client) }
        return Result(
            text: json ? shown(answer).json + "\n" : text(answer), isGood: isGood(answer))
    }

    private func isGood(_ answer: JSONValue) -> Bool {
        switch self {
        case .repair: RepairReport.isGood(answer)
        case .scrub: ScrubReport.isGood(answer)
        case .doctor: answer["healthy"]?.truth == true
        case .peers, .settings, .set, .leave, .cancelLeave, .out, .merge: true
        }
    }

    private func text(_ answer: JSONValue) -> String {
        switch self {
        case .repair: return RepairReport.text(answer)
        case .scrub: return ScrubReport.text(answer)
        case .doctor: return DoctorReport.text(answer)
        case .peers: return ClusterReport.peers(answer)
        case .settings: return ClusterReport.settings(answer)
        case .set(let key, let value):
            return value.isEmpty ? "\(key) has its default again\n" : "\(key) = \(value)\n"
        case .leave, .cancelLeave, .out, .merge:
            return (answer["message"]?.text ?? "done") + "\n"
        }
    }

    /// What a program wants of the answer: the list, not what is around it.
    private func shown(_ answer: JSONValue) -> JSONValue {
        switch self {
        case .peers: answer["peer_list"] ?? answer
        case .settings, .set: answer["settings"] ?? answer
        case .leave, .cancelLeave, .out, .merge, .repair, .scrub, .doctor: answer
        }
    }

    /// Method, path and body.
    var request: (String, String, [UInt8]?) {
        switch self {
        case .peers: ("GET", "/api/cluster-stats", nil)
        case .settings: ("GET", "/api/settings", nil)
        case .set(let key, let value):
            (
                "PATCH", "/api/settings",
                ClusterCommand.body { json in
                    // The empty text means the default, which JSON says by null.
                    json.member(key) { value.isEmpty ? $0.null() : $0.value(value) }
                }
            )
        case .leave: ("POST", "/api/cluster/leave", ClusterCommand.body { _ in })
        case .cancelLeave: ("POST", "/api/cluster/cancel-leave", ClusterCommand.body { _ in })
        case .out(let node):
            (
                "POST", "/api/cluster/out",
                ClusterCommand.body { json in
                    json.member("node", node)
                    json.member("force", true)
                }
            )
        case .repair: ("POST", "/api/repair", ClusterCommand.body { _ in })
        case .scrub(let isOfCluster):
            (
                "POST", "/api/integrity-check" + (isOfCluster ? "?scope=cluster" : ""),
                ClusterCommand.body { _ in }
            )
        case .doctor: ("GET", "/api/doctor", nil)
        case .merge(let cluster):
            ("POST", "/api/cluster/join", ClusterCommand.body { $0.member("merge", cluster) })
        }
    }

    private static func body(_ members: (inout JSONWriter) -> Void) -> [UInt8] {
        var json = JSONWriter()
        json.object(members)
        return json.bytes
    }
}
