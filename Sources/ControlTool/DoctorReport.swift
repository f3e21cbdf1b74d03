internal import IPC
internal import Model

/// `clusterfctl doctor`: what may be wrong, and what to do about it.
enum DoctorReport {
    static func text(_ answer: JSONValue) -> String {
        let findings = answer["findings"]?.elements ?? []
        var text = ""
        for finding in findings {
            text += "\(ClusterReport.cell(finding["level"])): "
            text += "\(ClusterReport.cell(finding["message"]))\n"
            if let hint = finding["hint"]?.text, !hint.isEmpty {
                text += "  \(ClusterReport.cell(finding["hint"]))\n"
            }
        }
        return text + (answer["healthy"]?.truth == true ? "all is well\n" : "")
    }

    /// The same, as the gateway would say it, where the gateway itself cannot be asked: by what the
    /// supervisor knows.
    static func withoutGateway(_ status: NodeStatus, _ error: ControlError) -> JSONValue {
        func finding(_ code: String, _ message: String, _ hint: String) -> JSONValue {
            .object([
                .init("level", .string("problem")), .init("code", .string(code)),
                .init("node", .string("")), .init("message", .string(message)),
                .init("hint", .string(hint)),
            ])
        }
        var findings = [
            finding("gateway", "The gateway cannot be asked: \(error.message).", error.hint)
        ]
        for worker in status.workers where !["ready", "dormant"].contains(worker.state) {
            findings.append(
                finding(
                    "worker_not_ready", "The worker \(worker.name) is \(worker.state).",
                    "clusterfctl logs \(worker.name) says why."))
        }
        findings += status.warnings.map { finding("node_warning", $0, "") }
        return .object([
            .init("node_id", .string(status.facts["node_id"] ?? "")),
            .init("healthy", .bool(false)), .init("findings", .array(findings)),
        ])
    }
}
