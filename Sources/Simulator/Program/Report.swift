import Cluster
import Model
import Replication

/// A run in words, for a person.
enum Report {
    static func text(_ result: SimulationResult, realSeconds: Double) -> String {
        let options = result.options
        let statistics = result.statistics
        var lines: [String] = []
        lines.append(title(options) + (result.isComplete ? "" : " (cut short)"))
        let virtual = Double(statistics.end) / 1e9
        let speed = realSeconds > 0 ? " (\(rounded(virtual / realSeconds)) × real time)" : ""
        lines.append(
            "  time       \(statistics.end.secondsText) s virtual in \(rounded(realSeconds)) s"
                + speed + "; formed after \(statistics.formedAfter.secondsText) s, settled"
                + " \(statistics.settledAfter.secondsText) s after the end")
        let perEvent =
            statistics.eventCount > 0 ? realSeconds * 1e6 / Double(statistics.eventCount) : 0
        lines.append(
            "  events     \(statistics.eventCount) (\(rounded(perEvent)) µs each),"
                + " \(statistics.datagramCount) datagrams, \(statistics.streamMessageCount)"
                + " messages on connections, \(statistics.storageCount) storage requests,"
                + " \(statistics.syncCount) syncs")
        let faults = statistics.faults.map { "\($0.count) \($0.kind)" }.joined(separator: ", ")
        lines.append("  faults     \(faults.isEmpty ? "none" : faults)")
        let outcomes = statistics.outcomes.map { "\($0.count) \($0.name)" }
            .joined(separator: ", ")
        lines.append(
            "  operations \(statistics.operationCount): \(outcomes);"
                + " \(statistics.attemptCount) attempts, \(statistics.failedAttemptCount) without"
                + " an answer")
        for latency in statistics.latencies {
            let times = latency.times
            lines.append(
                "    \(padded(latency.name, 12)) p50 \(milliseconds(times.percentile(500)))"
                    + "  p99 \(milliseconds(times.percentile(990)))"
                    + "  max \(milliseconds(times.max() ?? 0))  (\(times.count))")
        }
        lines += observations(result)
        lines.append(checks(result))
        lines.append("  trace      \(hex(result.traceHash))")
        return lines.joined(separator: "\n")
    }

    static func title(_ options: SimulationOptions) -> String {
        let names = Canaries.names(of: options.canaries)
        return "seed \(options.seed): \(options.nodeCount) nodes,"
            + " \(options.length / .seconds(1)) s, faults \(options.faults.text), policy"
            + " \(options.policy.rawValue), replication factor \(options.replicationFactor)"
            + (options.answersAhead ? ", disks that answer ahead" : "")
            + (names.isEmpty ? "" : ", canary \(names)")
    }

    private static func observations(_ result: SimulationResult) -> [String] {
        var lines: [String] = []
        let deaths = result.detectionTimes
        if !deaths.isEmpty {
            lines.append(
                "  deaths     \(deaths.count) known by all, p50 \(deaths.percentile(500).secondsText)"
                    + " s, max \((deaths.max() ?? 0).secondsText) s;"
                    + " \(result.falseDeathCount) said of nodes that were up")
        }
        if !result.moves.isEmpty {
            let moves = result.moves.map { "\($0.copies) for \($0.ideal)" }
            lines.append(
                "  moves      copies made for copies needed: " + moves.joined(separator: ", "))
        }
        let highest = result.highest.filter { $0.count > 0 }
            .map { "\($0.count) \($0.name)" }.joined(separator: ", ")
        lines.append(
            "  bounds     at most \(highest); \(rounded(result.statistics.idleMessageRate))"
                + " messages a node and second when idle")
        return lines
    }

    private static func checks(_ result: SimulationResult) -> String {
        guard result.hasFailed else {
            let undecided =
                result.undecidedPaths == 0
                ? "" : " (\(result.undecidedPaths) histories were too long to decide on)"
            return "  checks     all \(Checkers.names.count) held\(undecided)"
        }
        var lines: [String] = []
        for violation in result.violations {
            lines.append("  BROKEN     \(violation.checker) at \(violation.time.secondsText) s")
            lines.append("    \(violation.explanation)")
            for operation in violation.operations { lines.append("      \(operation)") }
        }
        return lines.joined(separator: "\n")
    }

    /// What is left of a run that was made shorter.
    static func shortest(_ result: SimulationResult, runCount: Int) -> String {
        var lines = ["", "The shortest run that was found (\(runCount) runs):"]
        lines.append("  faults:")
        for fault in result.faults { lines.append("    \(fault)") }
        if result.faults.isEmpty { lines.append("    none") }
        let records = result.history.records.filter { $0.client >= 0 }
        lines.append("  operations (\(records.count)):")
        for record in records.suffix(40) { lines.append("    \(record)") }
        lines.append(checks(result))
        lines.append("  the last events:")
        let said = result.lines.filter { !$0.contains(" <- ") }
        for line in said.suffix(40) { lines.append("    \(line)") }
        return lines.joined(separator: "\n")
    }

    /// One line for a failure among many seeds.
    static func line(_ result: SimulationResult) -> String {
        let names = result.violations.map(\.checker)
        let first = result.violations.first
        return "FAILED \(command(result.options))  # \(Set(names).sorted().joined(separator: " "))"
            + " at \(first?.time.secondsText ?? "?") s: \(first?.explanation ?? "")"
    }

    /// How to run it again.
    static func command(_ options: SimulationOptions) -> String {
        var words = [
            "clusterf-sim", "--nodes", "\(options.nodeCount)", "--seed", "\(options.seed)",
        ]
        words += ["--seconds", "\(options.length / .seconds(1))", "--faults", options.faults.text]
        words += ["--policy", options.policy.rawValue, "--rf", "\(options.replicationFactor)"]
        if options.answersAhead { words.append("--ahead") }
        for (name, canary) in Canaries.names where options.canaries.contains(canary) {
            words += ["--canary", name]
        }
        return words.joined(separator: " ")
    }

    static func hex(_ hash: Fingerprint) -> String { Bits128Text.hex(hash.high, hash.low) }

    private static func milliseconds(_ time: Nanoseconds) -> String {
        padded("\(rounded(Double(time) / 1e6)) ms", 12)
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    /// With one digit behind the point.
    static func rounded(_ value: Double) -> String {
        let tenths = Int64((value * 10).rounded())
        return "\(tenths / 10).\(abs(tenths % 10))"
    }
}

enum Bits128Text {
    static func hex(_ high: UInt64, _ low: UInt64) -> String {
        [high, low].map { word in
            let text = String(word, radix: 16)
            return String(repeating: "0", count: 16 - text.utf8.count) + text
        }.joined()
    }
}
