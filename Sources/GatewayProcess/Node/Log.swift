internal import Posix

/// One line per event on stderr, which the supervisor reads: `LEVEL message key=value…`.
enum Log {
    enum Level: String {
        case debug
        case info
        case notice
        case warning
        case error
    }

    static func write(
        _ level: Level, _ message: String, _ pairs: KeyValuePairs<String, String> = [:]
    ) {
        var line = "\(level.rawValue) \(message)"
        for (key, value) in pairs { line += " \(key)=\(quoted(value))" }
        line += "\n"
        let error = Descriptor(owning: 2)
        // With the supervisor gone nobody reads the line, and this process is about to end.
        try? FileIO.append([UInt8](line.utf8), to: error)
        _ = error.release()
    }

    /// A value with spaces or quotes in quotes, without line breaks: one event is one line.
    private static func quoted(_ value: String) -> String {
        let plain = value.utf8.allSatisfy { $0 > 0x20 && $0 != 0x22 && $0 != 0x7F }
        if plain && !value.isEmpty { return value }
        var out = "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"", "\\": out += "\\\(scalar)"
            case _ where scalar.value < 0x20 || scalar.value == 0x7F: out += " "
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out + "\""
    }
}
