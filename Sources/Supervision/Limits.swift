/// A point in time: what passed since an origin that the shell chose. It never goes back and does
/// not count the time a machine sleeps (CLOCK_MONOTONIC), else waking up would look like a hang.
package typealias Moment = Duration

/// The numbers of supervision, each with its reason.
package enum SupervisionLimits {
    /// A store's start ends with a checkpoint and a sync of its file system, which on a slow disk
    /// takes as long as a sync may (`syncMax`); its loop answers nobody until then.
    package static let startMax: Duration = syncMax

    /// The first wait after a life that ended before it was of use: short, for the lone accident.
    package static let backOffMin: Duration = .milliseconds(100)
    /// The longest wait: as often as a person looking at the screen expects a sign of life.
    package static let backOffMax: Duration = .seconds(30)
    /// Above this many such deaths within `deathWindow` the worker is degraded. With waits of
    /// 100, 200 … 3200 ms the seventh death comes 6.3 s after the first (7.9 s with all jitter):
    /// reachable for lives of up to 8.6 s. Slower deaths are caught by the back-off's own end.
    package static let deathsMax = 6
    package static let deathWindow: Duration = .seconds(60)
    /// A degraded worker is tried again this often.
    package static let probeInterval: Duration = .seconds(30)
    /// Jitter: up to a quarter more, so that workers that fell together do not rise together.
    package static let jitterDivisor: Int64 = 4
    /// No two starts of one worker are closer than this, whatever its life had achieved: a request
    /// that kills its worker and is sent again must not make a hot loop.
    package static let spawnIntervalMin: Duration = .milliseconds(100)
    /// A life that was ready for so long was no failed start, request or not.
    package static let longLife: Duration = .seconds(60)

    /// How often a worker is asked for progress.
    package static let progressInterval: Duration = .seconds(2)
    /// A fresh worker is asked after this time, then after twice as much, and so on up to
    /// `progressInterval`, until it has finished its first request: so a death a moment after it
    /// was of use is told from a failed start.
    package static let firstProgressInterval: Duration = .milliseconds(20)
    /// After so much silence the process' state is looked at: a stopped one is killed at once.
    package static let silenceBeforeInspection: Duration = .seconds(4)
    /// After so much silence a worker is hung: four questions unanswered.
    package static let silenceMax: Duration = .seconds(8)
    /// A sync of a slow, busy disk may take this long before it counts as a hang.
    package static let syncMax: Duration = .seconds(120)
    /// If the supervisor itself looks at the clock this late, the silence was its own (it was
    /// stopped, or the machine stood still), and no worker is blamed for it.
    package static let ownDelayMax: Duration = .seconds(3)

    /// From SIGABRT to SIGKILL: time for the trace.
    package static let abortGrace: Duration = .seconds(2)
    /// From SIGTERM to SIGKILL, when a drain overran.
    package static let terminateGrace: Duration = .milliseconds(500)
    /// From "I have drained", or from a closed link, to SIGKILL.
    package static let exitGrace: Duration = .seconds(2)
    /// After SIGKILL a process may still hang in the kernel; after this it is said.
    package static let killPatience: Duration = .seconds(10)

    /// A gateway that is being replaced may finish its transfers for so long.
    package static let retireMax: Duration = .seconds(600)
    /// The store finishes what is open before a requested restart.
    package static let exclusiveDrainMax: Duration = .seconds(10)
    /// So many replaced children may still be draining; beyond it the oldest is ended.
    package static let retiringChildrenMax = 2

    /// Orderly stop: what each worker's drain may take. Two workers in a row, each with
    /// `terminateGrace` after it, stay below the 10 s that the node promises.
    package static let stopDrainMax: Duration = .seconds(4)
    /// Quick stop (SIGINT: a person waits at the terminal): below 2 s for two workers.
    package static let quickStopDrainMax: Duration = .milliseconds(400)

    /// Nodes of --sim-nodes that start at one time: each start is some 50 ms of three processes, so
    /// that a few keep every core busy and none waits long for its turn.
    package static let nodesStartingMax = 8
    /// An orderly stop of a whole node: the 10 s that it promises, and some for its end.
    package static let nodeStopMax: Duration = .seconds(15)
    /// The same of a quick stop (2 s).
    package static let nodeQuickStopMax: Duration = .seconds(5)
    /// From the second signal to SIGKILL: a node ends its workers and sees them gone.
    package static let nodeKillGrace: Duration = .seconds(2)
    /// Nodes that stop at one time share the machine: so much more for each.
    package static let nodeStopShare: Duration = .milliseconds(100)
    /// How a node ended that never came to be: EX_UNAVAILABLE of sysexits.h.
    package static let notSpawnedCode: Int32 = 69

    /// The exit code of a worker that says: trying again is useless.
    package static let permanentFailureCode: Int32 = 125
}
