/// What a shell does for a core, and nothing more.
package enum Directive: Hashable, Sendable {
    /// Start a child of this generation and answer with `.spawned` or `.spawnFailed`.
    case spawn(generation: UInt64)
    /// Ask the child to take no new work, to finish, and to exit.
    case sendDrain(generation: UInt64, within: Duration)
    /// Ask the child for progress; dropped where the link is not up yet.
    case askProgress(generation: UInt64)
    /// Look at the state of the process and answer with `.processStateSeen`.
    case inspect(generation: UInt64, pid: Int32)
    case signal(pid: Int32, Signal)
    case say(Notice)

    /// The signals that a supervisor sends.
    package enum Signal: Hashable, Sendable {
        case terminate
        case abort
        case kill
    }
}

/// What happened to a worker, for the one core that is told: `WorkerLife.handle`.
package enum WorkerEvent: Hashable, Sendable {
    case startRequested
    case restartRequested
    /// Drain for at most `drain`, then be ended.
    case stopRequested(drain: Duration)
    case killRequested
    case spawned(generation: UInt64, pid: Int32)
    case spawnFailed(generation: UInt64, reason: String)
    case ready(generation: UInt64)
    case progressAnswered(generation: UInt64, Progress)
    case drained(generation: UInt64)
    case linkClosed(generation: UInt64)
    case processStateSeen(generation: UInt64, isStopped: Bool)
    case exited(generation: UInt64, ProcessEnd)
    case timePassed
}

/// A worker's answer to the question for progress.
package struct Progress: Hashable, Sendable {
    /// Requests that wait or are being worked on.
    package var queued: UInt64
    /// Requests finished in this life.
    package var finished: UInt64
    /// For how long a sync of the disk has been under way; nil: none is.
    package var inSyncFor: Duration?

    package init(queued: UInt64, finished: UInt64, inSyncFor: Duration? = nil) {
        self.queued = queued
        self.finished = finished
        self.inSyncFor = inSyncFor
    }
}
