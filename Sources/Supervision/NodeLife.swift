/// The life of a node: its workers in the order of their start, stopped in the reverse order, each
/// only when those that use it are gone.
package struct NodeLife: Hashable, Sendable {
    /// Where the node as a whole stands.
    package enum State: Hashable, Sendable {
        case dormant
        /// Some worker has never been ready.
        case starting
        case running
        /// The worker at this index is being stopped; those above it are gone.
        case stopping(Int, drain: Duration)
        case stopped
    }

    /// How the node is asked to stop.
    package enum StopStyle: Hashable, Sendable {
        /// SIGTERM: what is open is finished, at most 10 s.
        case orderly
        /// SIGINT: a person waits at the terminal, at most 2 s.
        case quick
        /// The second signal: now.
        case kill
    }

    /// A directive, and the index of the worker whom it concerns.
    package struct WorkerDirective: Hashable, Sendable {
        package var worker: Int
        package var directive: Directive
    }

    package private(set) var state = State.dormant
    package private(set) var workers: [WorkerLife]
    /// A worker failed for good before the node had ever run: a node that cannot work with what it
    /// was given says so and ends, it does not linger.
    package private(set) var hasFailedToStart = false

    /// - Parameter workers: in the order of their start: who is used before who uses it.
    package init(workers: [WorkerLife]) { self.workers = workers }

    package var nextWake: Moment? { workers.compactMap(\.nextWake).min() }

    /// Starts every worker at once: links wait for one another.
    package mutating func start(
        now: Moment, using generator: inout some RandomNumberGenerator
    ) -> [WorkerDirective] {
        guard state == .dormant else { return [] }
        state = .starting
        return each(.startRequested, now: now, using: &generator)
    }

    /// Something happened to one worker.
    package mutating func handle(
        _ event: WorkerEvent, worker: Int, now: Moment,
        using generator: inout some RandomNumberGenerator
    ) -> [WorkerDirective] {
        let directives = tell(worker, event, now: now, using: &generator)
        return directives + advance(now: now, using: &generator)
    }

    package mutating func timePassed(
        now: Moment, using generator: inout some RandomNumberGenerator
    ) -> [WorkerDirective] {
        let directives = each(.timePassed, now: now, using: &generator)
        return directives + advance(now: now, using: &generator)
    }

    package mutating func stopRequested(
        _ style: StopStyle, now: Moment, using generator: inout some RandomNumberGenerator
    ) -> [WorkerDirective] {
        let drain: Duration
        switch style {
        case .orderly: drain = SupervisionLimits.stopDrainMax
        case .quick: drain = SupervisionLimits.quickStopDrainMax
        case .kill: return killAll(now: now, using: &generator)
        }
        switch state {
        case .dormant:
            state = .stopped
            return []
        case .starting, .running:
            let last = workers.count - 1
            state = .stopping(last, drain: drain)
            return tell(last, .stopRequested(drain: drain), now: now, using: &generator)
                + advance(now: now, using: &generator)
        case .stopping, .stopped:
            return []
        }
    }
}

extension NodeLife {
    private mutating func killAll(
        now: Moment, using generator: inout some RandomNumberGenerator
    ) -> [WorkerDirective] {
        switch state {
        case .dormant, .stopped:
            state = .stopped
            return []
        case .starting, .running, .stopping:
            state = .stopping(0, drain: .zero)
            return each(.killRequested, now: now, using: &generator)
                + advance(now: now, using: &generator)
        }
    }

    /// Takes the steps that need no event of their own.
    private mutating func advance(
        now: Moment, using generator: inout some RandomNumberGenerator
    ) -> [WorkerDirective] {
        switch state {
        case .starting:
            if workers.allSatisfy(\.isReady) { state = .running }
            guard workers.contains(where: \.hasFailed) else { return [] }
            hasFailedToStart = true
            return stopRequested(.quick, now: now, using: &generator)
        case .stopping(let index, let drain):
            guard workers[index...].allSatisfy(\.isStopped) else { return [] }
            guard index > 0 else {
                state = .stopped
                return []
            }
            state = .stopping(index - 1, drain: drain)
            return tell(index - 1, .stopRequested(drain: drain), now: now, using: &generator)
                + advance(now: now, using: &generator)
        case .dormant, .running, .stopped:
            return []
        }
    }

    private mutating func each(
        _ event: WorkerEvent, now: Moment, using generator: inout some RandomNumberGenerator
    ) -> [WorkerDirective] {
        var all: [WorkerDirective] = []
        for index in workers.indices {
            all += tell(index, event, now: now, using: &generator)
        }
        return all
    }

    private mutating func tell(
        _ worker: Int, _ event: WorkerEvent, now: Moment,
        using generator: inout some RandomNumberGenerator
    ) -> [WorkerDirective] {
        workers[worker].handle(event, now: now, using: &generator).map {
            WorkerDirective(worker: worker, directive: $0)
        }
    }
}
