internal import Synchronization

/// How long the oldest sync under way has been running, for the supervisor: a process in a long
/// sync is not hung.
final class SyncClock: Sendable {
    private struct Running {
        var nextID: UInt64 = 0
        var starts: [UInt64: ContinuousClock.Instant] = [:]
    }

    private let running = Mutex(Running())

    /// Runs `body`, which waits for the disk.
    func during<Result>(_ body: () throws -> Result) rethrows -> Result {
        let id = running.withLock { running in
            running.nextID += 1
            running.starts[running.nextID] = .now
            return running.nextID
        }
        defer { running.withLock { $0.starts[id] = nil } }
        return try body()
    }

    /// Nil where none is under way.
    var oldest: Duration? {
        running.withLock { $0.starts.values.min() }.map { .now - $0 }
    }
}

/// What is wrong without being an error of a request: shown in the status.
final class Warnings: Sendable {
    private struct Kept {
        var texts: [String: String] = [:]
        var dropped = 0
    }

    private let kept = Mutex(Kept())

    /// Sets the warning of a subject, and logs it when it is new.
    func set(_ subject: String, _ text: String) {
        let isNew = kept.withLock { kept in
            if kept.texts[subject] == text { return false }
            if kept.texts[subject] == nil, kept.texts.count >= StoreLimits.warningsMax {
                kept.dropped += 1
                return true
            }
            kept.texts[subject] = text
            return true
        }
        if isNew { Log.warning(text, ["subject": subject]) }
    }

    func clear(_ subject: String) {
        kept.withLock { kept in
            if !kept.texts.isEmpty { kept.texts[subject] = nil }
        }
    }

    var texts: [String] {
        kept.withLock { kept in
            let shown = kept.texts.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }
            return kept.dropped == 0 ? shown : shown + ["and \(kept.dropped) more"]
        }
    }
}
