import Model
import Supervision
import Testing

/// Long random histories; the seed stands in the failure.
struct RandomWalkTests {
    @Test(arguments: 1...60 as ClosedRange<UInt64>, [RestartStyle.exclusive, .seamless])
    func invariantsHoldOnEveryWalk(seed: UInt64, style: RestartStyle) {
        var walk = Walk(seed: seed, style: style)
        for step in 0..<2000 {
            walk.step()
            if let broken = walk.broken {
                Issue.record("seed \(seed) step \(step): \(broken)")
                return
            }
        }
    }

    /// The shell and the processes, played by a generator.
    struct Walk {
        var life: WorkerLife
        var generator: SplitMix64
        var chance: SplitMix64
        var now: Moment = .zero
        /// The processes that exist: pid and generation.
        var alive: [Int32: UInt64] = [:]
        var nextPID: Int32 = 1
        var notBefore: Moment = .zero
        var broken: String?

        init(seed: UInt64, style: RestartStyle) {
            life = WorkerLife(name: "walker", style: style)
            generator = SplitMix64(seed: seed)
            chance = SplitMix64(seed: seed &* 7919)
        }

        mutating func step() {
            let highest = (alive.values.max() ?? life.summary.generation) + 1
            let generation = UInt64.random(in: 0...highest, using: &chance)
            switch Int.random(in: 0..<100, using: &chance) {
            case 0..<5: tell(.startRequested)
            case 5..<9: tell(.restartRequested)
            case 9: tell(.stopRequested(drain: .seconds(4)))
            case 10 where Int.random(in: 0..<10, using: &chance) == 0: tell(.killRequested)
            case 10..<30: tell(.ready(generation: generation))
            case 30..<45:
                let finished = UInt64.random(in: 0...1, using: &chance)
                tell(
                    .progressAnswered(
                        generation: generation, Progress(queued: 1, finished: finished)))
            case 45..<48: tell(.drained(generation: generation))
            case 48..<50: tell(.linkClosed(generation: generation))
            case 50..<52: tell(.processStateSeen(generation: generation, isStopped: true))
            case 52..<66: die()
            case 66..<70: tell(.timePassed)
            default: pass()
            }
            if life.isStopped {
                // A new node in the same walk.
                if !alive.isEmpty { broken = "stopped with processes left" }
                life = WorkerLife(
                    name: "walker", style: life.style,
                    firstGeneration: life.summary.generation + 1)
                notBefore = .zero
            }
        }

        private mutating func pass() {
            let limit = now + .milliseconds(Int64.random(in: 1...9000, using: &chance))
            now = min(max(life.nextWake ?? limit, now), limit)
            tell(.timePassed)
        }

        private mutating func die() {
            guard
                let (pid, generation) = alive.sorted(by: { $0.key < $1.key })
                    .randomElement(using: &chance)
            else { return }
            alive[pid] = nil
            let statuses: [ProcessEnd] = [
                .code(0), .code(1), .signal(9), .signal(9), .code(1), .code(125),
            ]
            let roll = Int.random(in: 0..<40, using: &chance)
            tell(.exited(generation: generation, statuses[roll == 0 ? 5 : roll % 5]))
        }

        private mutating func tell(_ event: WorkerEvent) {
            let directives = life.handle(event, now: now, using: &generator)
            // Per child: a notice, a signal, a question, an inspection, and as much again.
            if directives.count > 8 * (life.children.count + 1) {
                broken = "\(directives.count) directives for \(event)"
            }
            for directive in directives { perform(directive, after: event) }
            check()
        }

        private mutating func perform(_ directive: Directive, after event: WorkerEvent) {
            switch directive {
            case .spawn(let generation):
                if event == .timePassed, now < notBefore { broken = "spawn before its back-off" }
                nextPID += 1
                if Int.random(in: 0..<20, using: &chance) == 0 {
                    return tell(.spawnFailed(generation: generation, reason: "chance"))
                }
                alive[nextPID] = generation
                if life.style == .exclusive, alive.count > 1 { broken = "two lives of the store" }
                tell(.spawned(generation: generation, pid: nextPID))
            case .signal(let pid, let signal):
                guard let generation = alive[pid] else {
                    broken = "signal to a process that is gone"
                    return
                }
                if signal == .kill {
                    alive[pid] = nil
                    tell(.exited(generation: generation, .signal(9)))
                }
            case .say(.restartsIn(let wait)), .say(.degraded(deaths: _, probeIn: let wait)):
                notBefore = now + wait
            case .say(.restartBegan):
                notBefore = .zero
            case .sendDrain, .askProgress, .inspect, .say: break
            }
        }

        private mutating func check() {
            if life.children.count > SupervisionLimits.retiringChildrenMax + 4 {
                broken = "\(life.children.count) children"
            }
            let known = Set(life.children.map(\.generation))
            if !Set(alive.values).isSubset(of: known) { broken = "a process without a life" }
            switch life.summary.condition {
            case .waiting, .degraded:
                if life.nextWake == nil { broken = "waits for ever" }
            case .starting, .ready, .restarting, .draining, .hung:
                if life.children.isEmpty { broken = "plays without a child" }
            case .dormant, .stopping, .failed, .stopped: break
            }
        }
    }
}
