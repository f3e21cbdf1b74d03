internal import IPC
internal import Model

/// A setting of the cluster: what it is, and what it may be.
struct SettingRule: Equatable {
    enum Kind: Equatable {
        /// Whole seconds.
        case seconds(ClosedRange<Int64>)
        /// Days, with a fraction of at most five digits.
        case days(ClosedRange<Int64>)
        case number(ClosedRange<Int64>)
        case choice([String])
        case boolean
        /// Of another version of the program: what it may be is not known here.
        case text
    }

    var key: String
    var kind: Kind
    /// What counts, as text.
    var value: String
    var standard: String
    /// Nil where nobody set it.
    var setAt: Timestamp?
    var setBy = ""

    /// As `Setting` in the cluster's state allows.
    static let textByteCountMax = 4096

    /// All that the store tells, sorted by key.
    static func all(_ list: ClusterSettingsList) -> [SettingRule] {
        list.entries.map(SettingRule.init).sorted { $0.key < $1.key }
    }

    private init(_ entry: ClusterSettingsList.Entry) {
        key = entry.key
        value = entry.value
        standard = entry.standard
        setAt = entry.setAt
        setBy = entry.setBy
        kind =
            switch entry.type {
            case "seconds": SettingRule.range(entry.range).map { .seconds($0) } ?? .text
            case "days": SettingRule.range(entry.range).map { .days($0) } ?? .text
            case "number": SettingRule.range(entry.range).map { .number($0) } ?? .text
            case "choice": .choice(entry.range.split(separator: "|").map(String.init))
            case "boolean": .boolean
            default: .text
            }
        // What another version set and this one cannot understand counts as not set.
        if !accepts(value) { value = standard }
    }

    init(key: String, kind: Kind, value: String, standard: String) {
        self.key = key
        self.kind = kind
        self.value = value
        self.standard = standard
    }

    /// How many nodes hold each file: a fact of the layout, and to people a setting like others.
    static func replicationFactor(_ value: UInt8) -> SettingRule {
        SettingRule(
            key: ReplicationFactor.key, kind: .number(ReplicationFactor.range),
            value: String(value), standard: "3")
    }

    /// `10..600`.
    private static func range(_ text: String) -> ClosedRange<Int64>? {
        let ends = text.split(separator: ".", omittingEmptySubsequences: true)
        guard ends.count == 2, let first = Int64(ends[0]), let last = Int64(ends[1]),
            first <= last
        else { return nil }
        return first...last
    }

    // MARK: Words

    var typeName: String {
        switch kind {
        case .seconds: "seconds"
        case .days: "days"
        case .number: "number"
        case .choice: "choice"
        case .boolean: "boolean"
        case .text: "text"
        }
    }

    /// For people: `10..600`, `available|majority`; empty where everything may be.
    var rangeText: String {
        switch kind {
        case .seconds(let range), .days(let range), .number(let range):
            "\(range.lowerBound)..\(range.upperBound)"
        case .choice(let choices): choices.joined(separator: "|")
        case .boolean: "true|false"
        case .text: ""
        }
    }

    // MARK: Values

    /// Whether the setting may be this, written as text.
    func accepts(_ text: String) -> Bool {
        switch kind {
        case .seconds(let range), .number(let range):
            (1...10).contains(text.utf8.count)
                && text.utf8.allSatisfy { (0x30...0x39).contains($0) }
                && Int64(text).map(range.contains) == true
        case .days(let range): SettingRule.isDecimal(text, in: range)
        case .choice(let choices): choices.contains(text)
        case .boolean: text == "true" || text == "false"
        case .text: text.utf8.count <= SettingRule.textByteCountMax
        }
    }

    /// Digits, and perhaps a point with up to five more.
    private static func isDecimal(_ text: String, in range: ClosedRange<Int64>) -> Bool {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), (1...10).contains(parts[0].utf8.count),
            parts.count == 1 || (1...5).contains(parts[1].utf8.count),
            parts.allSatisfy({ $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }),
            let whole = Int64(parts[0])
        else { return false }
        let hasFraction = parts.count == 2 && parts[1].contains { $0 != "0" }
        return range.contains(whole) && (whole < range.upperBound || !hasFraction)
    }

    /// The text that `value` stands for: a string's own, digits, `true` or `false`; null is empty and
    /// means the default.
    /// - Throws: 400, where the setting cannot be this.
    func text(of value: JSONValue) throws(Problem) -> String {
        let text: String? =
            switch value {
            case .null: ""
            case .string(let text): text
            case .number(let text): text
            case .bool(let truth): truth ? "true" : "false"
            case .array, .object: nil
            }
        if value == .null { return "" }
        guard let text, accepts(text) else {
            let what =
                switch kind {
                case .seconds: "whole seconds, \(rangeText)"
                case .days: "days with at most five decimals, \(rangeText)"
                case .number: "a whole number, \(rangeText)"
                case .choice, .boolean: "one of \(rangeText)"
                case .text: "a text of at most \(SettingRule.textByteCountMax) bytes"
                }
            throw Problem(
                .badRequest, "bad_value", "\(key) cannot be that. It is \(what).",
                hint: "Nothing was changed.")
        }
        return text
    }

    func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("key", key)
            json.member("value") { write(value, to: &$0) }
            json.member("default") { write(standard, to: &$0) }
            json.member("type", typeName)
            json.member("range", rangeText)
            json.member("set_at") { json in
                if let setAt { json.value(utf8: RFC3339.format(setAt)) } else { json.null() }
            }
            json.member("set_by") { json in
                if setBy.isEmpty { json.null() } else { json.value(setBy) }
            }
        }
    }

    /// As JSON of the setting's own kind.
    private func write(_ text: String, to json: inout JSONWriter) {
        switch kind {
        case .seconds, .number:
            if let number = Int64(text) { json.value(number) } else { json.value(text) }
        case .days:
            if let whole = Int64(text) {
                json.value(whole)
            } else if let days = Double(text) {
                json.value(days)
            } else {
                json.value(text)
            }
        case .boolean: json.value(text == "true")
        case .choice, .text: json.value(text)
        }
    }
}
