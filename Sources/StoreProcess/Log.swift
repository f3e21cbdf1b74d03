internal import Synchronization

/// One line per event on standard error, `LEVEL message key=value…`; the supervisor adds time,
/// role and pid.
enum Log {
    private static let isDebugOn = Atomic<Bool>(false)

    static func setDebug(_ on: Bool) { isDebugOn.store(on, ordering: .relaxed) }

    static func debug(_ message: String, _ facts: KeyValuePairs<String, String> = [:]) {
        if isDebugOn.load(ordering: .relaxed) { write("debug", message, facts) }
    }

    static func info(_ message: String, _ facts: KeyValuePairs<String, String> = [:]) {
        write("info", message, facts)
    }

    static func notice(_ message: String, _ facts: KeyValuePairs<String, String> = [:]) {
        write("notice", message, facts)
    }

    static func warning(_ message: String, _ facts: KeyValuePairs<String, String> = [:]) {
        write("warning", message, facts)
    }

    static func error(_ message: String, _ facts: KeyValuePairs<String, String> = [:]) {
        write("error", message, facts)
    }

    private static func write(
        _ level: String, _ message: String, _ facts: KeyValuePairs<String, String>
    ) {
        var line = "\(level) \(message)"
        for (key, value) in facts {
            line +=
                value.contains(where: { $0 == " " || $0 == "\"" })
                ? " \(key)=\"\(value.replacing("\"", with: "'"))\"" : " \(key)=\(value)"
        }
        let bytes = line.utf8.map { $0 < 0x20 || $0 == 0x7F ? UInt8(ascii: "?") : $0 }
        StandardError.write(bytes + [0x0A])
    }
}
