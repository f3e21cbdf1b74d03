import Model
import Supervision

/// A worker life with a clock and a generator of its own, and a record of what it said.
struct Harness {
    var life: WorkerLife
    var now: Moment = .zero
    var generator = SplitMix64(seed: 1)
    var log: [Directive] = []
    private var nextPID: Int32 = 100

    init(_ style: RestartStyle) {
        life = WorkerLife(name: style == .exclusive ? "store" : "gateway", style: style)
    }

    /// Tells the life of an event; a spawn is answered as a shell does, at once.
    @discardableResult
    mutating func tell(_ event: WorkerEvent) -> [Directive] {
        var all: [Directive] = []
        var events = [event]
        while let event = events.first {
            events.removeFirst()
            let directives = life.handle(event, now: now, using: &generator)
            for case .spawn(let generation) in directives {
                nextPID += 1
                events.append(.spawned(generation: generation, pid: nextPID))
            }
            all += directives
        }
        log += all
        return all
    }

    /// Lets time pass, stopping wherever the life wants to be woken.
    @discardableResult
    mutating func pass(_ duration: Duration) -> [Directive] {
        let end = now + duration
        var all: [Directive] = []
        while let wake = life.nextWake, wake <= end {
            now = max(now, wake)
            all += tell(.timePassed)
        }
        now = end
        return all + tell(.timePassed)
    }

    mutating func start() -> UInt64 {
        tell(.startRequested)
        return generation
    }

    /// Started, ready, and of use.
    mutating func serve() -> UInt64 {
        let generation = life.incumbent == nil ? start() : generation
        tell(.ready(generation: generation))
        tell(.progressAnswered(generation: generation, Progress(queued: 0, finished: 1)))
        return generation
    }

    /// Answers every question for progress, from all children, while time passes.
    @discardableResult
    mutating func passAnswering(_ duration: Duration, inSyncFor: Duration? = nil) -> [Directive] {
        let end = now + duration
        var all: [Directive] = []
        while now < end {
            let directives = pass(min(.milliseconds(250), end - now))
            all += directives
            for case .askProgress(let generation) in directives {
                all += tell(
                    .progressAnswered(
                        generation: generation,
                        Progress(queued: 1, finished: 1, inSyncFor: inSyncFor)))
            }
        }
        return all
    }

    var generation: UInt64 { life.summary.generation }
    var pid: Int32 { life.summary.pid ?? 0 }
    var condition: WorkerSummary.Condition { life.summary.condition }
}

extension [Directive] {
    var spawns: [UInt64] {
        compactMap { if case .spawn(let generation) = $0 { generation } else { nil } }
    }

    var signals: [Directive.Signal] {
        compactMap { if case .signal(_, let signal) = $0 { signal } else { nil } }
    }

    var notices: [Notice] {
        compactMap { if case .say(let notice) = $0 { notice } else { nil } }
    }
}
