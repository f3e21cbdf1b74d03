internal import Model

/// `clusterfctl scrub`: waits for the end of a check of all contents, and says what was found.
enum ScrubReport {
    /// Asks again until the check is over.
    static func awaitEnd(
        _ begun: JSONValue, _ client: GatewayClient
    ) throws(ControlError) -> JSONValue {
        guard let id = begun["id"]?.text else {
            throw ControlError(.failed, "the node's answer has no id")
        }
        let deadline = Monotonic.now + ControlLimits.scrubMax
        var answer = begun
        while answer["status"]?.text != "completed" {
            guard Monotonic.now < deadline else {
                throw ControlError(
                    .failed, "the check is not over yet",
                    hint:
                        "it goes on in the node; GET /api/integrity-check/\(id) tells how far it is"
                )
            }
            Monotonic.sleep(milliseconds: ControlLimits.scrubPollMilliseconds)
            answer = try client.ask("GET", "/api/integrity-check/\(id)")
        }
        return answer
    }

    static func isGood(_ answer: JSONValue) -> Bool {
        ["quarantined", "unreadable", "views_replaced", "strays"].allSatisfy {
            answer[$0] == .number("0")
        }
    }

    static func text(_ answer: JSONValue) -> String {
        func count(_ key: String) -> String { ClusterReport.cell(answer[key]) }
        var text =
            "\(count("verified")) of \(count("total_files")) files verified, \(count("corrupted")) contents "
            + "damaged, \(count("repaired")) files repaired, \(count("quarantined")) without a good copy\n"
        for item in answer["corrupted_details"]?.elements ?? [] {
            let end = item["repaired"]?.truth == true ? "repaired" : "no good copy"
            text += "damaged   \(ClusterReport.cell(item["path"])): "
            text += "\(ClusterReport.cell(item["reason"])) (\(end))\n"
        }
        for name in answer["stray_names"]?.elements ?? [] {
            text += "stray     \(ClusterReport.cell(name))\n"
        }
        for path in answer["replaced_views"]?.elements ?? [] {
            text += "changed   files\(ClusterReport.cell(path)) is not what the store has\n"
        }
        return text
    }
}
