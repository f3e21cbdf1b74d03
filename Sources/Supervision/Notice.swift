/// What a core wants a person to know. The shell writes it to the log.
package enum Notice: Hashable, Sendable, CustomStringConvertible {
    case started(generation: UInt64, pid: Int32)
    case notSpawned(generation: UInt64, reason: String)
    case ready(generation: UInt64, after: Duration)
    case ended(generation: UInt64, ProcessEnd, wasOfUse: Bool)
    case retiredEnded(generation: UInt64, ProcessEnd)
    case restartsIn(Duration)
    case degraded(deaths: Int, probeIn: Duration)
    case recovered(generation: UInt64)
    case failedForGood
    case startedTooSlowly(generation: UInt64)
    case hung(generation: UInt64, silence: Duration)
    case syncTooLong(generation: UInt64, Duration)
    case stoppedProcess(generation: UInt64)
    case linkLost(generation: UInt64)
    case drainOverran(generation: UInt64)
    case willNotDie(pid: Int32)
    case restartBegan(generation: UInt64)
    case restartAlreadyUnderWay
    case restartRefusedWhileStopping
    case replaced(old: UInt64, new: UInt64)
    case successorFailed(generation: UInt64, ProcessEnd?)
    case retiringCutShort(generation: UInt64)

    /// How much it matters, as in the log.
    package enum Level: String, Sendable {
        case info
        case notice
        case warning
        case error
    }

    package var level: Level {
        switch self {
        case .started, .ready, .retiredEnded, .restartsIn: .info
        case .recovered, .restartBegan, .restartAlreadyUnderWay, .restartRefusedWhileStopping,
            .replaced:
            .notice
        case .ended(_, let status, _): status == .code(0) ? .info : .warning
        case .linkLost, .drainOverran, .retiringCutShort: .warning
        case .notSpawned, .degraded, .failedForGood, .startedTooSlowly, .hung, .syncTooLong,
            .stoppedProcess, .willNotDie, .successorFailed:
            .error
        }
    }

    /// The life that it is about; nil: the worker as such.
    package var generation: UInt64? {
        switch self {
        case .started(let generation, _), .notSpawned(let generation, _),
            .ready(let generation, _), .ended(let generation, _, _),
            .retiredEnded(let generation, _), .recovered(let generation),
            .startedTooSlowly(let generation), .hung(let generation, _),
            .syncTooLong(let generation, _), .stoppedProcess(let generation),
            .linkLost(let generation), .drainOverran(let generation),
            .restartBegan(let generation), .replaced(_, let generation),
            .successorFailed(let generation, _), .retiringCutShort(let generation):
            generation
        case .restartsIn, .degraded, .failedForGood, .willNotDie, .restartAlreadyUnderWay,
            .restartRefusedWhileStopping:
            nil
        }
    }

    package var description: String {
        switch self {
        case .started(let generation, let pid): "started pid=\(pid) generation=\(generation)"
        case .notSpawned(let generation, let reason):
            "cannot be started: \(reason) generation=\(generation)"
        case .ready(let generation, let after):
            "ready after=\(after.inMilliseconds)ms generation=\(generation)"
        case .ended(let generation, let status, let wasOfUse):
            "ended with \(status)\(wasOfUse ? "" : " before it was of use") generation=\(generation)"
        case .retiredEnded(let generation, let status):
            "the replaced one ended with \(status) generation=\(generation)"
        case .restartsIn(let wait): "starts again in \(wait.inMilliseconds) ms"
        case .degraded(let deaths, let probeIn):
            "degraded: \(deaths) lives ended before they were of use;"
                + " it is tried again every \(probeIn.components.seconds) s, the node stays up"
        case .recovered(let generation): "recovered generation=\(generation)"
        case .failedForGood:
            "failed for good (exit code \(SupervisionLimits.permanentFailureCode)):"
                + " not started again; its last line says why"
        case .startedTooSlowly(let generation):
            "not ready within \(SupervisionLimits.startMax.components.seconds) s:"
                + " ended generation=\(generation)"
        case .hung(let generation, let silence):
            "hung: no answer for \(silence.components.seconds) s: ended generation=\(generation)"
        case .syncTooLong(let generation, let duration):
            "hung: in a sync for \(duration.components.seconds) s: ended generation=\(generation)"
        case .stoppedProcess(let generation):
            "the process is stopped (SIGSTOP?): killed generation=\(generation)"
        case .linkLost(let generation): "closed its control link generation=\(generation)"
        case .drainOverran(let generation):
            "did not drain in time: terminated generation=\(generation)"
        case .willNotDie(let pid): "not gone after SIGKILL (waiting for a disk?) pid=\(pid)"
        case .restartBegan(let generation): "restart on request generation=\(generation)"
        case .restartAlreadyUnderWay: "restart on request: one is under way already"
        case .restartRefusedWhileStopping: "restart on request: refused, the node stops"
        case .replaced(let old, let new): "generation \(new) serves, generation \(old) drains"
        case .successorFailed(let generation, let status):
            "the new generation=\(generation) failed"
                + (status.map { " with \($0)" } ?? "") + "; the old one goes on"
        case .retiringCutShort(let generation):
            "too many replaced ones still drain: the oldest is ended generation=\(generation)"
        }
    }
}

extension Duration {
    var inMilliseconds: Int64 {
        components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
    }
}
