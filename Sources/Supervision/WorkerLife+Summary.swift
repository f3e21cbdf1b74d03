/// What a person is told of a worker, in the words of `/status`.
package struct WorkerSummary: Hashable, Sendable {
    /// One word for the whole of it.
    package enum Condition: String, Sendable, CaseIterable {
        case dormant
        case starting
        case ready
        case restarting
        case draining
        case stopping
        case hung
        case waiting
        case degraded
        case failed
        case stopped
    }

    package var name: String
    package var condition: Condition
    /// Of the child that plays the role now.
    package var pid: Int32?
    package var generation: UInt64
    package var restarts: Int
    package var readySince: Moment?
    /// It had died too often and has not yet been of use again.
    package var isDegraded: Bool
}

extension WorkerLife {
    package var summary: WorkerSummary {
        let child = incumbent
        return WorkerSummary(
            name: name, condition: condition, pid: child?.pid,
            generation: child?.generation ?? lastGeneration, restarts: restarts,
            readySince: child?.readySince, isDegraded: backOff.isDegraded)
    }

    package var isStopped: Bool { phase == .stopped }
    /// Whether the worker as a whole stops, not just a child of it.
    package var isStopping: Bool { phase == .stopping }
    package var hasFailed: Bool { phase == .failed }
    /// Whether a child serves: also while its successor starts.
    package var isReady: Bool { incumbent?.state == .ready }

    /// The child that plays the role.
    package var incumbent: ChildLife? {
        switch phase {
        case .running(let generation), .handingOver(let generation, to: _),
            .replacing(let generation):
            self[generation]
        case .stopping: children.last
        case .dormant, .waiting, .degraded, .failed, .stopped: nil
        }
    }

    private var condition: WorkerSummary.Condition {
        switch phase {
        case .dormant: .dormant
        case .running(let generation): self[generation].map(condition) ?? .starting
        case .handingOver, .replacing: .restarting
        case .waiting: .waiting
        case .degraded: .degraded
        case .failed: .failed
        case .stopping: .stopping
        case .stopped: .stopped
        }
    }

    private func condition(_ child: ChildLife) -> WorkerSummary.Condition {
        switch child.state {
        case .spawning, .starting: .starting
        case .ready: .ready
        case .draining: .draining
        case .stopping, .killing, .ended: .stopping
        case .aborting: .hung
        }
    }
}
