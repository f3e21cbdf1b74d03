internal import IPC
internal import IPCTransport
internal import Loop
internal import Model
internal import Posix
internal import Supervision

/// Restarts that somebody asked for and that are under way: of one worker, or of all one after the
/// other. Each is answered when the new life is ready.
///
/// clusterfctl may ask whenever a person wants it. A worker may ask too (a client's order over HTTP, or
/// another node's), and not often: one that was taken over must not keep the node from its work.
final class RestartOrders {
    private struct Pending {
        var request: IncomingRequest
        var worker: Int
        /// The restart is done when a child of this generation or a later one serves.
        var generation: UInt64
        var deadline: Duration
        /// Those that are to be restarted after it.
        var rest: ArraySlice<Int>
    }

    private let supervisor: Supervisor
    private var pending: [Pending] = []
    /// When a worker's order restarted each worker last.
    private var ordered: [Int: Duration] = [:]
    private var deadlines: LoopTimer?

    init(_ supervisor: Supervisor) { self.supervisor = supervisor }

    /// - Parameter orderer: the worker that asks; nil for clusterfctl.
    func ordered(_ request: IncomingRequest, _ order: RestartRequest, by orderer: String?) {
        let workers: [Int]
        if order.worker == RestartRequest.allWorkers {
            workers = Array(supervisor.wiring.indices)
        } else if let worker = supervisor.wiring.firstIndex(where: { $0.name == order.worker }) {
            workers = [worker]
        } else {
            request.fail(unknownWorker(order.worker))
            return
        }
        if let orderer {
            if let wait = wait(for: workers) {
                request.fail(
                    RemoteError(
                        .unavailable, "\(order.worker) was restarted a moment ago",
                        hint: "Try again in \(wait.components.seconds + 1) s."))
                return
            }
            for worker in workers { ordered[worker] = supervisor.loop.now }
            supervisor.log.say(.notice, "restart of \(order.worker) on request of the \(orderer)")
        }
        begin(request, workers[...])
    }

    /// How long it takes until a worker's order is taken again; nil: it is taken now.
    private func wait(for workers: [Int]) -> Duration? {
        let last = workers.compactMap { ordered[$0] }.max()
        guard let last else { return nil }
        let wait = last + SupervisorLimits.orderedRestartInterval - supervisor.loop.now
        return wait > .zero ? wait : nil
    }

    /// The same error for whoever names a worker.
    func unknownWorker(_ name: String) -> RemoteError {
        let names = supervisor.wiring.map(\.name).joined(separator: ", ")
        return RemoteError(.notFound, "no worker \"\(name)\"", hint: "there are: \(names)")
    }

    private func begin(_ request: IncomingRequest, _ workers: ArraySlice<Int>) {
        guard let worker = workers.first else { return }
        let before = supervisor.life.workers[worker].summary
        // One that is just starting is the new life that was asked for.
        let generation = before.generation + (before.condition == .starting ? 0 : 1)
        pending.append(
            Pending(
                request: request, worker: worker, generation: generation,
                deadline: supervisor.loop.now + SupervisorLimits.restartAnswerMax,
                rest: workers.dropFirst()))
        supervisor.tell(worker, .restartRequested)
        scheduleDeadline()
    }

    /// Looks at what became of them: after whatever changed.
    func settle() {
        guard !pending.isEmpty else { return }
        var next: [Pending] = []
        pending.removeAll { item in
            // Whoever asked may be gone with the life that was replaced; the rest is restarted too.
            guard item.request.isWanted || !item.rest.isEmpty else { return true }
            let summary = supervisor.life.workers[item.worker].summary
            switch outcome(item, summary) {
            case .underWay: return false
            case .done where !item.rest.isEmpty: next.append(item)
            case .done: item.request.answer(Empty())
            case .failed(let error): item.request.fail(error)
            }
            return true
        }
        for item in next { begin(item.request, item.rest) }
    }

    private enum Outcome {
        case underWay
        case done
        case failed(RemoteError)
    }

    private func outcome(_ pending: Pending, _ summary: WorkerSummary) -> Outcome {
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
                [unowned self] in settle()
            }
        } catch {
            supervisor.log.say(.warning, "no timer for a restart's answer: \(error)")
        }
    }
}
