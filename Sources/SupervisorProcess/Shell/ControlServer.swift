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

    private let supervisor: Supervisor
    private let server: LinkServer
    private var followers: [Follower] = []
    private let restarts: RestartOrders

    /// Starts answering.
    init(_ supervisor: Supervisor, _ socket: consuming Descriptor) throws(PosixError) {
        self.supervisor = supervisor
        restarts = RestartOrders(supervisor)
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
        supervisor.onRestartOrder = { [unowned self] request, order, worker in
            restarts.ordered(request, order, by: worker)
        }
        supervisor.log.onLine = { [unowned self] name, line in follow(name, line) }
        supervisor.onChange = { [unowned self] in
            // A worker that was taken over must not command its supervisor.
            server.policy = .allBut(Set(supervisor.children.map(\.pid)))
            restarts.settle()
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
            restarts.ordered(request, try RestartRequest(decoding: payload), by: nil)
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

    // MARK: Logs

    private func logs(_ request: IncomingRequest, _ order: LogsRequest) {
        let known = supervisor.wiring.map(\.name) + ["", LogStream.supervisorName]
        guard known.contains(order.worker) else {
            request.fail(restarts.unknownWorker(order.worker))
            return
        }
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
