internal import IPC
internal import Model

/// The node's state, for people and for programs.
enum Report {
    /// The keys are those of the HTTP interface's `/status`.
    static func json(status: NodeStatus, now: Timestamp) -> String {
        var json = JSONWriter()
        json.object { json in
            for (name, value) in status.facts.values.sorted(by: { $0.key < $1.key }) {
                if ["http_port", "pid"].contains(name), let number = Int(value) {
                    json.member(name, number)
                } else {
                    json.member(name, value)
                }
            }
            json.member("started", status.started.text)
            json.member("uptime_seconds", max(0, now.seconds - status.started.seconds))
            json.member("workers") { write(status.workers, to: &$0) }
            json.member("warnings") { $0.array(status.warnings) { $0.value($1) } }
        }
        return json.text
    }

    static func json(workers: [WorkerStatus]) -> String {
        var json = JSONWriter()
        write(workers, to: &json)
        return json.text
    }

    static func json(lines: [String]) -> String {
        var json = JSONWriter()
        json.array(lines) { $0.value($1) }
        return json.text
    }

    private static func write(_ workers: [WorkerStatus], to json: inout JSONWriter) {
        json.array(workers) { json, worker in
            json.object { json in
                json.member("name", worker.name)
                json.member("pid") { worker.pid > 0 ? $0.value(worker.pid) : $0.null() }
                json.member("state", worker.state)
                json.member("generation", worker.generation)
                json.member("restarts", worker.restarts)
                json.member("ready_since") { json in
                    worker.readySince.map { json.value($0.text) } ?? json.null()
                }
            }
        }
    }

    static func text(status: NodeStatus, now: Timestamp) -> String {
        let facts = status.facts
        let rows = [
            ("node id", facts["node_id"]), ("state", facts["state"]),
            ("version", facts["version"]), ("dashboard", facts["url"]),
            ("data", facts["node_dir"]), ("pid", facts["pid"]),
            ("up for", duration(seconds: now.seconds - status.started.seconds)),
        ]
        var text = rows.map { "\(padded($0.0, 12))\($0.1 ?? "-")\n" }.joined()
        text += "\n" + self.text(workers: status.workers, now: now)
        if !status.warnings.isEmpty { text += "\n" }
        for warning in status.warnings { text += "warning: \(warning)\n" }
        return text
    }

    static func text(workers: [WorkerStatus], now: Timestamp) -> String {
        var rows = [["WORKER", "PID", "STATE", "GENERATION", "RESTARTS", "READY FOR"]]
        for worker in workers {
            rows.append([
                worker.name, worker.pid > 0 ? String(worker.pid) : "-", worker.state,
                String(worker.generation), String(worker.restarts),
                worker.readySince.map { duration(seconds: now.seconds - $0.seconds) } ?? "-",
            ])
        }
        return table(rows)
    }

    /// Columns as wide as their widest cell, two spaces between.
    static func table(_ rows: [[String]]) -> String {
        let columns = rows.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in
            rows.compactMap { column < $0.count ? $0[column].count : nil }.max() ?? 0
        }
        return rows.map { row in
            let cells = row.enumerated().map { column, cell in
                column == row.count - 1 ? cell : padded(cell, widths[column] + 2)
            }
            return cells.joined() + "\n"
        }.joined()
    }

    /// The two largest units: `3 d 4 h`, `4 min 10 s`, `7 s`.
    static func duration(seconds: Int64) -> String {
        let seconds = max(0, seconds)
        let parts = [
            (seconds / 86_400, "d"), (seconds / 3600 % 24, "h"), (seconds / 60 % 60, "min"),
            (seconds % 60, "s"),
        ]
        let first = parts.firstIndex { $0.0 > 0 } ?? parts.count - 1
        return parts[first...].prefix(2).map { "\($0.0) \($0.1)" }.joined(separator: " ")
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }
}
