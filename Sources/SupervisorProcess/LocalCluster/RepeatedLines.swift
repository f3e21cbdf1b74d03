/// What many nodes say at the same time is shown once.
struct RepeatedLines {
    private struct Seen {
        var text: String
        var at: Duration
    }

    private var seen: [Seen] = []

    /// Whether a line's text is to be shown: nobody said it a moment ago.
    mutating func isNew(_ text: String, now: Duration) -> Bool {
        seen.removeAll { now - $0.at > SupervisorLimits.repetitionTime }
        if seen.contains(where: { $0.text == text }) { return false }
        if seen.count == SupervisorLimits.repetitionsKept { seen.removeFirst() }
        seen.append(Seen(text: text, at: now))
        return true
    }
}

/// A line of a node's log, as `LogStream` writes it: `TIME LEVEL NAME[PID] MESSAGE`.
struct NodeLine {
    let level: LogStream.Level
    let message: String

    /// - Returns: nil for a line that is not of the log.
    init?(_ line: String) {
        let parts = line.split(separator: " ", maxSplits: 3)
        guard parts.count == 4, let level = LogStream.Level(rawValue: String(parts[1])) else {
            return nil
        }
        self.level = level
        message = String(parts[3])
    }
}
