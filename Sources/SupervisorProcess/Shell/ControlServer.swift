internal import IPC
internal import IPCTransport
internal import Loop
internal import Model
internal import Posix
internal import Supervision

/// The node's end of `clusterfctl`: `run/control.sock`, in a directory that only this user enters.
final class ControlServer {
    /// A clusterfctl that wants to see new lines.
    private struct Follower {
        var link: Link
        /// The worker whose lines it follows; empty: all.
        var name: String
        var lostLineCount = 0
    }

    /// A restart that was asked for and is under way.
    private struct PendingRestart {
        var request: IncomingRequest
        var worker: Int
        /// The restart is done when a child of this generation or a later one serves.
        var generation: UInt64
        var deadline: Duration
    }

    private let supervisor: Supervisor
    private let server: LinkServer
    private var followers: [Follower] = []
    private var restarts: [PendingRestart] = []
    private var deadlines: LoopTimer?

    /// Starts answering.
    init(_ supervisor: Supervisor, _ socket: consuming Descriptor) throws(PosixError) {
        self.supervisor = supervisor
        server = try LinkServer(
            supervisor.loop, stream: socket, descriptors: nil, role: .supervisor, generation: 0,
            acceptedRoles: [.control], policy: .allBut([]))
        server.onTrouble = { trouble in ControlServer.say(trouble, supervisor.log) }
        server.onLink = { [unowned self] link in
            link.onRequest = { [unowned self] request, payload throws(DecodeError) in
                try requested(request, payload)
            }
        }
        server.onLinkClosed = { [unowned self] link, _ in
            followers.removeAll { $0.link === link }
        }
        supervisor.log.onLine = { [unowned self] name, line in follow(name, line) }
        supervisor.onChange = { [unowned self] in
            // A worker that was taken over must not command its supervisor.
            server.policy = .allBut(Set(supervisor.children.map(\.pid)))
            settleRestarts()
        }
    }

    private static func say(_ trouble: LinkServer.Trouble, _ log: LogStream) {
        switch trouble {
        case .refusedPID(let pid):
            log.say(.error, "a worker called clusterfctl's socket pid=\(pid)")
        case .tooMany: log.say(.warning, "too many calls of clusterfctl at once")
        case .accepting(let error): log.say(.warning, "control socket: \(error)")
        case .handshake(let pid, let end):
            log.say(.warning, "control socket: no clusterfctl: \(end) pid=\(pid)")
        case .unpaired: break
        }
    }

    private func requested(
        _ request: IncomingRequest, _ payload: RawSpan
    ) throws(DecodeError) {
        switch request.type {
        case .nodeStatus:
            _ = try Empty(decoding: payload)
            request.answer(supervisor.status)
        case .restartWorker:
            restart(request, try RestartRequest(decoding: payload))
        case .stopNode:
            _ = try Empty(decoding: payload)
            supervisor.log.say(.notice, "stop on request")
            request.answer(Empty())
            supervisor.stop(.orderly)
        case .logs:
            logs(request, try LogsRequest(decoding: payload))
        default:
            request.fail(RemoteError(.invalid, "the supervisor answers no \(request.type)"))
        }
    }

    // MARK: Restarts

    private func restart(_ request: IncomingRequest, _ order: RestartRequest) {
        guard let worker = supervisor.wiring.firstIndex(where: { $0.name == order.worker })
        else { return unknownWorker(request, order.worker) }
        let before = supervisor.life.workers[worker].summary
        // One that is just starting is the new life that was asked for.
        let generation = before.generation + (before.condition == .starting ? 0 : 1)
        restarts.append(
            PendingRestart(
                request: request, worker: worker, generation: generation,
                deadline: supervisor.loop.now + SupervisorLimits.restartAnswerMax))
        supervisor.tell(worker, .restartRequested)
        scheduleDeadline()
    }

    private func settleRestarts() {
        guard !restarts.isEmpty else { return }
        restarts.removeAll { pending in
            let summary = supervisor.life.workers[pending.worker].summary
            guard pending.request.isWanted else { return true }
            switch outcome(pending, summary) {
            case .underWay: return false
            case .done: pending.request.answer(Empty())
            case .failed(let error): pending.request.fail(error)
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

    private func unknownWorker(_ request: IncomingRequest, _ name: String) {
        let names = supervisor.wiring.map(\.name).joined(separator: ", ")
        request.fail(
            RemoteError(.notFound, "no worker \"\(name)\"", hint: "there are: \(names)"))
    }

    // MARK: Logs

    private func logs(_ request: IncomingRequest, _ order: LogsRequest) {
        let known = supervisor.wiring.map(\.name) + ["", LogStream.supervisorName]
        guard known.contains(order.worker) else { return unknownWorker(request, order.worker) }
        let count = min(Int(order.lineCount), IPCLimits.listCountMax)
        request.answer(LogLines(lines: supervisor.log.newest(count, of: order.worker)))
        if order.follow { followers.append(Follower(link: request.link, name: order.worker)) }
    }

    private func follow(_ name: String, _ line: String) {
        for index in followers.indices {
            let follower = followers[index]
            guard follower.name.isEmpty || follower.name == name else { continue }
            // A follower that reads slowly loses lines; the log itself loses none.
            if follower.link.isUnderPressure {
                followers[index].lostLineCount += 1
                continue
            }
            var lines = [line]
            if follower.lostLineCount > 0 {
                lines.insert("… \(follower.lostLineCount) lines were too many to follow", at: 0)
                followers[index].lostLineCount = 0
            }
            follower.link.notify(LogLines(lines: lines), type: .logLine)
        }
    }
}
