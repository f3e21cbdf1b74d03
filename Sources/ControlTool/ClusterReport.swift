internal import Model

/// What the gateway says of the cluster, as tables for people.
enum ClusterReport {
    /// `/api/cluster-stats`: a line a node, this one first marked.
    static func peers(_ stats: JSONValue) -> String {
        var rows = [["NODE", "STATE", "ZONE", "VERSION", "STORED", "FREE", "ADDRESSES"]]
        for node in stats["peer_list"]?.elements ?? [] {
            let addresses = node["addresses"]?.elements?.compactMap(\.text) ?? []
            rows.append([
                cell(node["node_id"]) + (node["is_self"]?.truth == true ? " (this)" : ""),
                state(node), cell(node["zone"]), cell(node["version"]),
                bytes(node["bytes_stored"]), bytes(node["bytes_free"]),
                addresses.isEmpty ? "-" : addresses.joined(separator: ", "),
            ])
        }
        let problems = stats["key_problems"]?.elements ?? []
        return Report.table(rows) + problems.map { "! \(cell($0))\n" }.joined()
    }

    /// What a person must know beside whether it lives.
    private static func state(_ node: JSONValue) -> String {
        var words = [cell(node["state"])]
        if node["leaving"]?.truth == true { words.append("leaving") }
        if node["restarting"]?.truth == true { words.append("restarting") }
        if node["is_storage"]?.truth == false, node["state"]?.text == "alive" {
            words.append("no store")
        }
        if node["clock_in_doubt"]?.truth == true { words.append("clock in doubt") }
        return words.joined(separator: ", ")
    }

    /// A count of bytes for people: `17 MiB`; `-` where nobody knows.
    static func bytes(_ value: JSONValue?) -> String {
        guard let count = value?.wholeNumber else { return "-" }
        let units = ["B", "KiB", "MiB", "GiB", "TiB"]
        // Two digits at least, so that little is lost.
        let unit = units.indices.last { $0 == 0 || count >= 10 << (10 * Int64($0)) } ?? 0
        return "\(count >> (10 * Int64(unit))) \(units[unit])"
    }

    /// `/api/settings`.
    static func settings(_ list: JSONValue) -> String {
        var rows = [["SETTING", "VALUE", "DEFAULT", "RANGE", "SET"]]
        for setting in list["settings"]?.elements ?? [] {
            let set =
                if let at = setting["set_at"]?.text {
                    "\(at) on \(cell(setting["set_by"]))"
                } else {
                    "-"
                }
            rows.append([
                cell(setting["key"]), cell(setting["value"]), cell(setting["default"]),
                cell(setting["range"]), set,
            ])
        }
        return Report.table(rows)
    }

    /// A value as a person writes it. What came over the network moves no cursor.
    static func cell(_ value: JSONValue?) -> String {
        let text: String =
            switch value {
            case .string(let text): text
            case .number(let text): text
            case .bool(let truth): truth ? "true" : "false"
            case .null, .array, .object, nil: ""
            }
        if text.isEmpty { return "-" }
        return String(
            String.UnicodeScalarView(
                text.unicodeScalars.map { $0.properties.generalCategory == .control ? "?" : $0 }))
    }
}

extension JSONValue {
    /// Writes it again, numbers as they were written.
    var json: String {
        switch self {
        case .null: return "null"
        case .bool(let truth): return truth ? "true" : "false"
        case .number(let text): return text
        case .string(let text):
            var json = JSONWriter()
            json.value(text)
            return json.text
        case .array(let elements):
            return "[" + elements.map(\.json).joined(separator: ",") + "]"
        case .object(let members):
            let texts = members.map { "\(JSONValue.string($0.name).json):\($0.value.json)" }
            return "{" + texts.joined(separator: ",") + "}"
        }
    }
}
