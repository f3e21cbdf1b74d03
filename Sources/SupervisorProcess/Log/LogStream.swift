internal import Model

/// The one log of a node: every line of every worker and of the supervisor itself, with time, level,
/// role and pid, on stderr; the last ones also in memory.
final class LogStream {
    enum Level: String, Comparable, CaseIterable {
        case debug
        case info
        case notice
        case warning
        case error

        static func < (a: Level, b: Level) -> Bool {
            (allCases.firstIndex(of: a) ?? 0) < (allCases.firstIndex(of: b) ?? 0)
        }
    }

    /// A line that is kept, and its place among the lines of all.
    struct Kept {
        var sequence: UInt64
        var line: String
    }

    static let supervisorName = "supervisor"

    private let lowest: Level
    private let pid: Int32
    private let output: StandardError
    private let now: () -> Timestamp
    private var kept: [String: Ring<Kept>] = [:]
    private var nextSequence: UInt64 = 0

    /// Told of each line, for `clusterfctl logs --follow`.
    var onLine: ((_ name: String, _ line: String) -> Void)?

    init(
        lowest: Level, pid: Int32, output: StandardError,
        now: @escaping () -> Timestamp = { WallClock.now }
    ) {
        self.lowest = lowest
        self.pid = pid
        self.output = output
        self.now = now
    }

    /// Something the supervisor says of the node.
    func say(_ level: Level, _ message: String) {
        write(level, LogStream.supervisorName, pid, message, keptAs: LogStream.supervisorName)
    }

    /// Something the supervisor says of a worker; it is kept with the worker's own lines.
    func say(_ level: Level, _ message: String, of name: String, pid workerPID: Int32?) {
        let about = workerPID.map { "\(name)[\($0)]" } ?? name
        write(level, LogStream.supervisorName, pid, "\(about): \(message)", keptAs: name)
    }

    /// A line that a worker wrote: `LEVEL message`; without a level it is a notice, as from a
    /// library or a run-time that complains.
    func workerWrote(_ line: String, name: String, pid: Int32) {
        let parts = line.split(separator: " ", maxSplits: 1)
        if parts.count == 2, let level = Level(rawValue: String(parts[0])) {
            write(level, name, pid, String(parts[1]), keptAs: name)
        } else if !line.allSatisfy({ $0 == " " }) {
            write(.notice, name, pid, line, keptAs: name)
        }
    }

    /// The newest lines, oldest first.
    ///
    /// - Parameter name: a worker's or the supervisor's; empty for all.
    func newest(_ count: Int, of name: String) -> [String] {
        let rings = name.isEmpty ? Array(kept.values) : kept[name].map { [$0] } ?? []
        var lines = rings.flatMap(\.elements)
        if rings.count > 1 { lines.sort { $0.sequence < $1.sequence } }
        var chosen: [String] = []
        var byteCount = 0
        for line in lines.suffix(count).reversed() {
            byteCount += line.line.utf8.count + 8
            if byteCount > SupervisorLimits.logAnswerBytesMax { break }
            chosen.append(line.line)
        }
        return chosen.reversed()
    }

    private func write(
        _ level: Level, _ name: String, _ pid: Int32, _ message: String, keptAs place: String
    ) {
        guard level >= lowest else { return }
        let line = "\(now().text) \(level.rawValue) \(name)[\(pid)] \(message)"
        nextSequence += 1
        let entry = Kept(sequence: nextSequence, line: line)
        kept[place, default: Ring(capacity: SupervisorLimits.logLinesKept)].append(entry)
        output.write(line)
        onLine?(place, line)
    }
}

/// The last elements of many.
struct Ring<Element> {
    private let capacity: Int
    private var storage: [Element] = []
    private var start = 0

    init(capacity: Int) { self.capacity = capacity }

    mutating func append(_ element: Element) {
        if storage.count < capacity {
            storage.append(element)
        } else {
            storage[start] = element
            start = (start + 1) % capacity
        }
    }

    /// Oldest first.
    var elements: [Element] { Array(storage[start...] + storage[..<start]) }
}
