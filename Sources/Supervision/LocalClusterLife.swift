/// The life of a cluster on one machine: whole nodes, each a supervisor of its own, that are started
/// a few at a time and stopped together.
///
/// ```
///            start            every node ready        stop
///  dormant ────────▶ starting ────────────────▶ running ────▶ stopping ── last one gone ──▶ stopped
///                       └── a node ends before it was ready: stop, and its code is passed on
///  a node that ends later is said and left: the others are there to show what a cluster does then
/// ```
///
/// A pure value: events and the time in, directives out.
package struct LocalClusterLife: Hashable, Sendable {
    package enum State: Hashable, Sendable {
        case dormant
        case starting
        case running
        /// Nil: what can be done was done, the ends are awaited.
        case stopping(killAt: Moment?)
        case stopped
    }

    /// Where one node stands.
    package enum Node: Hashable, Sendable {
        case waiting
        case starting
        case ready
        /// Nil: it was never started.
        case ended(ProcessEnd?)

        var isAlive: Bool { self == .starting || self == .ready }
        var hasEnded: Bool { if case .ended = self { true } else { false } }
    }

    /// What the shell does with the node of an index.
    package enum Directive: Hashable, Sendable {
        case spawn(Int)
        case signal(Int, Signal)
        case say(Notice)
    }

    package enum Signal: Hashable, Sendable {
        case terminate
        case interrupt
        case kill
    }

    /// What a person should know.
    package enum Notice: Hashable, Sendable {
        case allReady
        /// It ended before it had been ready: all are stopped.
        case didNotStart(Int, ProcessEnd)
        case notSpawned(Int, reason: String)
        /// It stays away.
        case ended(Int, ProcessEnd)
        /// So many nodes did not stop in time.
        case stopOverran(Int)
    }

    package private(set) var state = State.dormant
    package private(set) var nodes: [Node]
    /// How the first node ended that did not start; nil: all did.
    package private(set) var failedStart: ProcessEnd?

    package init(count: Int) { nodes = Array(repeating: .waiting, count: count) }

    package var nextWake: Moment? {
        if case .stopping(let killAt) = state { killAt } else { nil }
    }

    /// Whether some node ended by itself, and not because it was told to.
    package var hasLostNodes: Bool {
        nodes.contains {
            if case .ended(let end?) = $0 { end != .code(0) } else { false }
        }
    }

    // MARK: Events

    package mutating func start() -> [Directive] {
        guard state == .dormant else { return [] }
        state = .starting
        return advance()
    }

    package mutating func spawnFailed(_ index: Int, reason: String, now: Moment) -> [Directive] {
        guard nodes[index] == .starting else { return [] }
        nodes[index] = .ended(nil)
        failedStart = failedStart ?? .code(SupervisionLimits.notSpawnedCode)
        return [.say(.notSpawned(index, reason: reason))] + stopRequested(.quick, now: now)
    }

    package mutating func becameReady(_ index: Int) -> [Directive] {
        guard nodes[index] == .starting else { return [] }
        nodes[index] = .ready
        return advance()
    }

    package mutating func exited(_ index: Int, _ end: ProcessEnd, now: Moment) -> [Directive] {
        guard nodes[index].isAlive else { return [] }
        let wasReady = nodes[index] == .ready
        nodes[index] = .ended(end)
        switch state {
        case .dormant, .stopped:
            return []
        case .stopping:
            return advance()
        case .starting, .running:
            // Who ends with 0 was told to (clusterfctl stop), whenever that was.
            guard wasReady || end == .code(0) else {
                failedStart = failedStart ?? end
                return [.say(.didNotStart(index, end))] + stopRequested(.quick, now: now)
            }
            return [.say(.ended(index, end))] + advance()
        }
    }

    package mutating func stopRequested(
        _ style: NodeLife.StopStyle, now: Moment
    ) -> [Directive] {
        let share = SupervisionLimits.nodeStopShare * nodes.count
        switch (state, style) {
        case (.stopped, _), (.stopping, .orderly), (.stopping, .quick):
            return []
        case (.dormant, _):
            state = .stopped
            return []
        case (.starting, .orderly), (.running, .orderly):
            return stop(.terminate, until: now + SupervisionLimits.nodeStopMax + share)
        case (.starting, .quick), (.running, .quick):
            return stop(.interrupt, until: now + SupervisionLimits.nodeQuickStopMax + share)
        case (.starting, .kill), (.running, .kill), (.stopping, .kill):
            // The second signal to a node ends it at once, and lets it see its workers gone.
            return stop(.terminate, until: now + SupervisionLimits.nodeKillGrace + share)
        }
    }

    package mutating func timePassed(now: Moment) -> [Directive] {
        guard case .stopping(let killAt?) = state, now >= killAt else { return [] }
        state = .stopping(killAt: nil)
        let living = nodes.indices.filter { nodes[$0].isAlive }
        return [.say(.stopOverran(living.count))] + living.map { .signal($0, .kill) }
    }
}

extension LocalClusterLife {
    private mutating func stop(_ signal: Signal, until killAt: Moment) -> [Directive] {
        if case .stopping(let earlier?) = state {
            state = .stopping(killAt: min(earlier, killAt))
        } else {
            state = .stopping(killAt: killAt)
        }
        for index in nodes.indices where nodes[index] == .waiting { nodes[index] = .ended(nil) }
        let living = nodes.indices.filter { nodes[$0].isAlive }
        return living.map { .signal($0, signal) } + advance()
    }

    /// Takes the steps that need no event of their own.
    private mutating func advance() -> [Directive] {
        if nodes.allSatisfy(\.hasEnded) {
            state = .stopped
            return []
        }
        guard state == .starting else { return [] }
        var directives: [Directive] = []
        var startingCount = nodes.count { $0 == .starting }
        for index in nodes.indices where nodes[index] == .waiting {
            guard startingCount < SupervisionLimits.nodesStartingMax else { break }
            startingCount += 1
            nodes[index] = .starting
            directives.append(.spawn(index))
        }
        if startingCount == 0 {
            state = .running
            directives.append(.say(.allReady))
        }
        return directives
    }
}

extension LocalClusterLife {
    /// The id of the node at an index, from 0.
    package static func name(_ index: Int) -> String { "sim-\(index + 1)" }
}

extension LocalClusterLife.Notice: CustomStringConvertible {
    package var level: Notice.Level {
        switch self {
        case .allReady: .info
        case .ended(_, .code(0)): .notice
        case .ended: .warning
        case .didNotStart, .notSpawned, .stopOverran: .error
        }
    }

    package var description: String {
        switch self {
        case .allReady: "every node is ready"
        case .didNotStart(let index, let end):
            "\(LocalClusterLife.name(index)) ended with \(end) before it was ready: all are stopped"
        case .notSpawned(let index, let reason):
            "\(LocalClusterLife.name(index)) cannot be started: \(reason): all are stopped"
        case .ended(let index, .code(0)):
            "\(LocalClusterLife.name(index)) was stopped: the others go on"
        case .ended(let index, let end):
            "\(LocalClusterLife.name(index)) ended with \(end): the others go on,"
                + " it comes back when all are started again"
        case .stopOverran(let count): "\(count) nodes did not stop in time: killed"
        }
    }
}
