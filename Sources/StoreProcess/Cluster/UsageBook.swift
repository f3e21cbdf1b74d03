internal import IPC
internal import Loop
internal import Model

/// What this store knows of the others' disks: it asks them when somebody wants to know, and remembers
/// it for a while. And when it heard of each last.
struct UsageBook {
    typealias Disk = NodeUsageList.Disk

    private struct Known {
        var disk: Disk?
        var askedAt: Duration
    }

    private var known: [NodeID: Known] = [:]
    private var heard: [NodeID: Duration] = [:]
    /// Asked, and not answered yet.
    private var open: Set<NodeID> = []
    /// Who waits for the answers.
    var waiting: [() -> Void] = []
    var timer: LoopTimer?
    /// What the own disk holds, as it was told to others last.
    var own: (disk: Disk, at: Duration)?

    var isComplete: Bool { open.isEmpty }

    mutating func heard(of node: NodeID, now: Duration) {
        guard heard[node] != nil || heard.count < StoreLimits.usageNodesMax else { return }
        heard[node] = now
    }

    func lastHeard(of node: NodeID) -> Duration? { heard[node] }

    /// Those of the nodes that are to be asked now; counted as asked.
    mutating func due(of nodes: [NodeID], now: Duration) -> [NodeID] {
        let due = nodes.filter { node in
            known[node].map { now - $0.askedAt >= StoreLimits.usageAge } ?? true
        }
        for node in due {
            // What a node said before it did not answer is not what it has now.
            let disk = open.contains(node) ? nil : known[node]?.disk
            guard known[node] != nil || known.count < StoreLimits.usageNodesMax else { continue }
            known[node] = Known(disk: disk, askedAt: now)
            open.insert(node)
        }
        return due
    }

    /// - Returns: whether nothing is waited for any more.
    mutating func answered(_ node: NodeID, _ disk: Disk) -> Bool {
        guard open.remove(node) != nil else { return false }
        known[node]?.disk = disk
        return open.isEmpty
    }

    /// Who has not answered by now is not waited for.
    mutating func giveUp() {
        for node in open { known[node]?.disk = nil }
        open = []
    }

    func disk(of node: NodeID) -> Disk? { known[node]?.disk }

    mutating func takeWaiting() -> [() -> Void] {
        defer { waiting = [] }
        return waiting
    }
}
