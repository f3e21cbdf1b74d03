import Model

/// Counts of one run.
package struct Statistics: Sendable {
    package internal(set) var eventCount: UInt64 = 0
    package internal(set) var datagramCount = 0
    package internal(set) var streamMessageCount = 0
    var storageCount = 0
    var syncCount = 0
    var startCount = 0
    var killCount = 0
    var attemptCount = 0
    var failedAttemptCount = 0
    var copiesMade = 0
    var formedAfter: Nanoseconds = 0
    var settledAfter: Nanoseconds = 0
    var idleMessageRate = 0.0
    /// The virtual time at the end.
    package internal(set) var end: Nanoseconds = 0

    /// By kind, in the order of their first.
    private(set) var faults: [(kind: String, count: Int)] = []
    private(set) var outcomes: [(name: String, count: Int)] = []
    /// Of answered operations, by kind.
    private(set) var latencies: [(name: String, times: [Nanoseconds])] = []

    var messageCount: Int { datagramCount + streamMessageCount }
    var faultCount: Int { faults.reduce(0) { $0 + $1.count } }
    var operationCount: Int { outcomes.reduce(0) { $0 + $1.count } }

    mutating func count(isDatagram: Bool, from: Int) {
        if isDatagram { datagramCount += 1 } else { streamMessageCount += 1 }
    }

    mutating func injected(_ kind: String) {
        if let index = faults.firstIndex(where: { $0.kind == kind }) {
            faults[index].count += 1
        } else {
            faults.append((kind, 1))
        }
    }

    mutating func ended(_ record: OperationRecord, at time: Nanoseconds) {
        let name = record.outcome.name
        if let index = outcomes.firstIndex(where: { $0.name == name }) {
            outcomes[index].count += 1
        } else {
            outcomes.append((name, 1))
        }
        guard record.answered != .max else { return }
        let kind = record.latencyKind
        let latency = record.answered - record.invoked
        if let index = latencies.firstIndex(where: { $0.name == kind }) {
            latencies[index].times.append(latency)
        } else {
            latencies.append((kind, [latency]))
        }
    }
}

extension OperationRecord {
    fileprivate var latencyKind: String {
        switch kind {
        case .get, .getBeside, .getLocal: "get"
        case .list, .listPages: "list"
        case .put: "put"
        case .delete, .deleteBeside: "delete"
        case .putIfAbsent, .putIfMatches, .deleteIfMatches: "conditional"
        case .makeDirectory, .removeDirectory: "directory"
        case .move: "move"
        case .lock, .refreshLock, .unlock: "lock"
        case .guardedPut, .guardedDelete: "guarded"
        }
    }
}

extension OperationRecord.Outcome {
    var name: String {
        switch self {
        case .open: "open"
        case .written: "written"
        case .read: "read"
        case .notFound: "not found"
        case .conditionFailed: "condition failed"
        case .listed: "listed"
        case .refused: "refused"
        case .granted: "granted"
        case .unlocked: "unlocked"
        case .lockNotFound: "no such lock"
        case .locked: "locked"
        case .isDirectory: "is a directory"
        case .unknown: "unknown"
        }
    }
}

extension [Nanoseconds] {
    /// The value below which `perMille` in 1000 are; 0 of none.
    func percentile(_ perMille: Int) -> Nanoseconds {
        if isEmpty { return 0 }
        let sorted = sorted()
        return sorted[Swift.min(sorted.count - 1, sorted.count * perMille / 1000)]
    }
}
