internal import IPC
internal import Loop
internal import Model
internal import Posix
internal import Supervision

/// The node's end of `clusterfctl`: `run/control.sock`, in a directory that only this user enters.
final class ControlServer {
    /// One clusterfctl.
    private final class Caller {
        var link: FrameLink?
        /// The worker whose lines it follows; empty: all.
        var follows: String?
        var lostLineCount = 0
    }

    /// A restart that was asked for and is under way.
    private struct PendingRestart {
        var caller: Caller
        var requestID: UInt64
        var worker: Int
        /// The restart is done when a child of this generation or a later one serves.
        var generation: UInt64
        var deadline: Duration
    }

    private let supervisor: Supervisor
    private var listener: StreamListener?
    private var callers: [Caller] = []
    private var restarts: [PendingRestart] = []
    private var deadlines: LoopTimer?

    /// Starts answering.
    init(_ supervisor: Supervisor, _ socket: consuming Descriptor) throws(PosixError) {
        self.supervisor = supervisor
        listener = try StreamListener(
            supervisor.loop, socket,
            onError: { error in supervisor.log.say(.warning, "control socket: \(error)") },
            onAccept: { [unowned self] descriptor in accepted(descriptor) })
        supervisor.log.onLine = { [unowned self] name, line in follow(name, line) }
        supervisor.onChange = { [unowned self] in settleRestarts() }
    }

    private func accepted(_ descriptor: consuming Descriptor) {
        // A connection over the limit is closed by letting it go.
        guard callers.count < SupervisorLimits.controlConnectionsMax else { return }
        let caller = Caller()
        do throws(PosixError) {
            // A worker that was taken over must not command its supervisor.
            let pid = try UnixSocket.peerPID(of: descriptor)
            if supervisor.children.contains(where: { $0.pid == pid }) {
                supervisor.log.say(.error, "a worker (pid \(pid)) called clusterfctl's socket")
                return
            }
            let session = Session(
                side: .acceptor, role: .supervisor, generation: 0, acceptedRoles: [.control])
            caller.link = try FrameLink(
                supervisor.loop, descriptor, session,
                pendingBytesMax: SupervisorLimits.followerBacklogBytesMax
            ) { [unowned self, unowned caller] event, payload in
                handle(caller, event, payload)
            }
            callers.append(caller)
        } catch {
            supervisor.log.say(.warning, "control socket: \(error)")
        }
    }

    private func handle(_ caller: Caller, _ event: FrameLink.Event, _ payload: RawSpan) {
        switch event {
        case .established: break
        case .request(let id, let type): requested(caller, id, type, payload)
        case .notice(let type): caller.link?.end("sends the notice \(type)")
        case .closed:
            callers.removeAll { $0 === caller }
            restarts.removeAll { $0.caller === caller }
        }
    }

    private func requested(
        _ caller: Caller, _ id: UInt64, _ type: MessageType, _ payload: RawSpan
    ) {
        do throws(DecodeError) {
            switch type {
            case .nodeStatus:
                _ = try Empty(decoding: payload)
                caller.link?.answer(id, type, supervisor.status)
            case .restartWorker:
                restart(caller, id, try RestartRequest(decoding: payload))
            case .stopNode:
                _ = try Empty(decoding: payload)
                supervisor.log.say(.notice, "stop on request")
                caller.link?.answer(id, type, Empty())
                supervisor.stop(.orderly)
            case .logs:
                logs(caller, id, try LogsRequest(decoding: payload))
            default:
                caller.link?.fail(
                    id, type, RemoteError(.invalid, "the supervisor answers no \(type)"))
            }
        } catch {
            caller.link?.end("sends a bad \(type): \(error)")
        }
    }

    // MARK: Restarts

    private func restart(_ caller: Caller, _ id: UInt64, _ request: RestartRequest) {
        guard let worker = supervisor.wiring.firstIndex(where: { $0.name == request.worker })
        else {
            return unknownWorker(caller, id, .restartWorker, request.worker)
        }
        let before = supervisor.life.workers[worker].summary
        // One that is just starting is the new life that was asked for.
        let generation = before.generation + (before.condition == .starting ? 0 : 1)
        restarts.append(
            PendingRestart(
                caller: caller, requestID: id, worker: worker, generation: generation,
                deadline: supervisor.loop.now + SupervisorLimits.restartAnswerMax))
        supervisor.tell(worker, .restartRequested)
        scheduleDeadline()
    }

    private func settleRestarts() {
        guard !restarts.isEmpty else { return }
        restarts.removeAll { pending in
            let summary = supervisor.life.workers[pending.worker].summary
            let link = pending.caller.link
            switch outcome(pending, summary) {
            case .underWay: return false
            case .done: link?.answer(pending.requestID, .restartWorker, Empty())
            case .failed(let error): link?.fail(pending.requestID, .restartWorker, error)
            }
            return true
        }
    }

    private enum Outcome {
        case underWay
        case done
        case failed(RemoteError)
    }

    private func outcome(_ pending: PendingRestart, _ summary: WorkerSummary) -> Outcome {
        let hint = "see clusterfctl logs \(summary.name)"
        switch summary.condition {
        case .ready where summary.generation >= pending.generation: return .done
        case .ready, .draining, .hung:
            return .failed(
                RemoteError(
                    .unavailable, "the new \(summary.name) failed; the old one goes on",
                    hint: hint))
        case .degraded, .failed:
            return .failed(
                RemoteError(
                    .unavailable, "\(summary.name) is \(summary.condition.rawValue)", hint: hint))
        case .stopping where supervisor.life.workers[pending.worker].isStopping,
            .stopped:
            return .failed(RemoteError(.unavailable, "the node stops"))
        case .dormant, .starting, .restarting, .stopping, .waiting:
            guard supervisor.loop.now >= pending.deadline else { return .underWay }
            return .failed(
                RemoteError(.timedOut, "\(summary.name) is not ready yet", hint: hint))
        }
    }

    private func scheduleDeadline() {
        do throws(PosixError) {
            deadlines?.cancel()
            deadlines = try supervisor.loop.schedule(after: SupervisorLimits.restartAnswerMax) {
                [unowned self] in settleRestarts()
            }
        } catch {
            supervisor.log.say(.warning, "no timer for a restart's answer: \(error)")
        }
    }

    private func unknownWorker(
        _ caller: Caller, _ id: UInt64, _ type: MessageType, _ name: String
    ) {
        let names = supervisor.wiring.map(\.name).joined(separator: ", ")
        caller.link?.fail(
            id, type, RemoteError(.notFound, "no worker \"\(name)\"", hint: "there are: \(names)"))
    }

    // MARK: Logs

    private func logs(_ caller: Caller, _ id: UInt64, _ request: LogsRequest) {
        let known = supervisor.wiring.map(\.name) + ["", LogStream.supervisorName]
        guard known.contains(request.worker) else {
            return unknownWorker(caller, id, .logs, request.worker)
        }
        let count = min(Int(request.lineCount), IPCLimits.listCountMax)
        let lines = supervisor.log.newest(count, of: request.worker)
        caller.link?.answer(id, .logs, LogLines(lines: lines))
        if request.follow { caller.follows = request.worker }
    }

    private func follow(_ name: String, _ line: String) {
        for caller in callers {
            guard let follows = caller.follows, follows.isEmpty || follows == name,
                let link = caller.link
            else { continue }
            // A follower that reads slowly loses lines; the log itself loses none.
            guard link.pendingByteCount < SupervisorLimits.followerBacklogBytesMax / 2 else {
                caller.lostLineCount += 1
                continue
            }
            var lines = [line]
            if caller.lostLineCount > 0 {
                lines.insert("… \(caller.lostLineCount) lines were too many to follow", at: 0)
                caller.lostLineCount = 0
            }
            link.notify(LogLines(lines: lines), .logLine)
        }
    }
}
