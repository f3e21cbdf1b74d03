internal import Model

/// `clusterfctl repair`: waits for the end of the pass, and says what it did.
enum RepairReport {
    /// Asks again until the pass is over.
    static func awaitEnd(
        _ begun: JSONValue, _ client: GatewayClient
    ) throws(ControlError) -> JSONValue {
        let deadline = Monotonic.now + ControlLimits.repairMax
        var answer = begun
        while answer["done"]?.truth != true {
            guard Monotonic.now < deadline else {
                throw ControlError(
                    .failed, "the pass is not over yet",
                    hint: "it goes on in the node; clusterfctl repair waits for it again")
            }
            // The node answers when the pass is over, or after some seconds.
            answer = try client.ask("GET", "/api/repair?wait=1")
            guard answer["id"] == begun["id"] else {
                throw ControlError(
                    .failed, "the store was restarted meanwhile", hint: "try again")
            }
        }
        return answer
    }

    static func isGood(_ answer: JSONValue) -> Bool {
        (answer["peers"]?.elements ?? []).allSatisfy { $0["outcome"]?.text == "equal" }
    }

    static func text(_ answer: JSONValue) -> String {
        let peers = answer["peers"]?.elements ?? []
        guard !peers.isEmpty else { return "no other node holds what this one holds\n" }
        var rows = [["NODE", "OUTCOME", "DIFFERED", "BROUGHT OVER", "COMPARISONS"]]
        for peer in peers {
            rows.append([
                ClusterReport.cell(peer["node_id"]), ClusterReport.cell(peer["outcome"]),
                "\(ClusterReport.cell(peer["partitions_differing"])) partitions",
                "\(ClusterReport.cell(peer["bytes_moved"])) bytes",
                ClusterReport.cell(peer["comparisons"]),
            ])
        }
        return Report.table(rows)
    }
}
