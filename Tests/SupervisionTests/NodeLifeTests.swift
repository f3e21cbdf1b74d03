import Model
import Supervision
import Testing

struct NodeLifeTests {
    /// A node whose children obey, or not.
    struct Node {
        var life = NodeLife(workers: [
            WorkerLife(name: "store", style: .exclusive),
            WorkerLife(name: "gateway", style: .seamless),
        ])
        var now: Moment = .zero
        var generator = SplitMix64(seed: 5)
        var obeysDrain = true
        var obeysTerm = true
        var order: [String] = []
        private var pids: [Int32: (Int, UInt64)] = [:]
        private var nextPID: Int32 = 10

        mutating func run(_ directives: [NodeLife.WorkerDirective]) {
            for directive in directives { perform(directive.worker, directive.directive) }
        }

        private mutating func perform(_ worker: Int, _ directive: Directive) {
            let name = life.workers[worker].name
            switch directive {
            case .spawn(let generation):
                nextPID += 1
                pids[nextPID] = (worker, generation)
                order.append("spawn \(name)")
                tell(worker, .spawned(generation: generation, pid: nextPID))
            case .sendDrain(let generation, _):
                order.append("drain \(name)")
                if obeysDrain {
                    tell(worker, .drained(generation: generation))
                    end(worker, generation, .code(0))
                }
            case .signal(let pid, let signal):
                order.append("\(signal) \(name)")
                guard let (worker, generation) = pids[pid] else { return }
                switch signal {
                case .terminate where obeysTerm: end(worker, generation, .signal(15))
                case .kill: end(worker, generation, .signal(9))
                case .terminate, .abort: break
                }
            case .askProgress, .inspect, .say: break
            }
        }

        private mutating func end(_ worker: Int, _ generation: UInt64, _ status: ProcessEnd) {
            order.append("end \(life.workers[worker].name)")
            tell(worker, .exited(generation: generation, status))
        }

        mutating func tell(_ worker: Int, _ event: WorkerEvent) {
            run(life.handle(event, worker: worker, now: now, using: &generator))
        }

        mutating func start() {
            run(life.start(now: now, using: &generator))
            tell(0, .ready(generation: 1))
            tell(1, .ready(generation: 1))
        }

        mutating func stop(_ style: NodeLife.StopStyle) {
            run(life.stopRequested(style, now: now, using: &generator))
        }

        /// Time until the node has stopped.
        mutating func timeToStop() -> Duration {
            let began = now
            while life.state != .stopped, let wake = life.nextWake {
                now = max(now, wake)
                run(life.timePassed(now: now, using: &generator))
            }
            return now - began
        }
    }

    @Test func theNodeRunsWhenEveryWorkerIsReady() {
        var node = Node()
        node.run(node.life.start(now: .zero, using: &node.generator))
        #expect(node.order == ["spawn store", "spawn gateway"])
        node.tell(1, .ready(generation: 1))
        #expect(node.life.state == .starting)
        node.tell(0, .ready(generation: 1))
        #expect(node.life.state == .running)
    }

    @Test func theStoreOutlivesTheGateway() {
        var node = Node()
        node.start()
        node.order = []
        node.stop(.orderly)
        #expect(node.order == ["drain gateway", "end gateway", "drain store", "end store"])
        #expect(node.life.state == .stopped)
    }

    @Test func anOrderlyStopTakesAtMost10Seconds() {
        var node = Node()
        node.obeysDrain = false
        node.obeysTerm = false
        node.start()
        node.stop(.orderly)
        #expect(node.timeToStop() <= .seconds(10))
        #expect(node.life.state == .stopped)
        #expect(node.order.contains("kill gateway"))
        #expect(node.order.contains("kill store"))
    }

    @Test func workersThatSayDrainedAndStayDoNotDelayTheStop() {
        var node = Node()
        node.obeysDrain = false
        node.obeysTerm = false
        node.start()
        node.stop(.orderly)
        node.now += .milliseconds(3900)
        node.tell(1, .drained(generation: 1))
        #expect(.milliseconds(3900) + node.timeToStop() <= .seconds(10))
    }

    @Test func aQuickStopTakesAtMost2Seconds() {
        var node = Node()
        node.obeysDrain = false
        node.obeysTerm = false
        node.start()
        node.stop(.quick)
        #expect(node.timeToStop() <= .seconds(2))
    }

    @Test func theSecondSignalKills() {
        var node = Node()
        node.obeysDrain = false
        node.start()
        node.stop(.orderly)
        #expect(node.life.state != .stopped)
        node.stop(.kill)
        #expect(node.life.state == .stopped)
        #expect(node.order.suffix(4).contains("kill store"))
    }

    @Test func stoppingANodeThatStartsEndsItsChildren() {
        var node = Node()
        node.run(node.life.start(now: .zero, using: &node.generator))
        node.stop(.orderly)
        #expect(node.life.state == .stopped)
        #expect(node.order.contains("terminate gateway"))
    }

    @Test func aStoreThatDiesWhileTheGatewayDrainsIsReplaced() {
        var node = Node()
        node.obeysDrain = false
        node.start()
        node.tell(0, .progressAnswered(generation: 1, Progress(queued: 0, finished: 4)))
        node.now += .seconds(1)
        node.stop(.orderly)
        node.tell(0, .exited(generation: 1, .signal(9)))
        #expect(node.order.last == "spawn store")
        #expect(node.timeToStop() <= .seconds(10))
    }

    @Test func aWorkerThatFailsForGoodAtTheStartEndsTheNode() {
        var node = Node()
        node.run(node.life.start(now: .zero, using: &node.generator))
        node.tell(1, .ready(generation: 1))
        node.tell(0, .exited(generation: 1, .code(125)))
        #expect(node.life.state == .stopped)
        #expect(node.life.hasFailedToStart)
        #expect(node.order.contains("end gateway"))
    }

    @Test func aWorkerThatFailsForGoodLaterDoesNotEndTheNode() {
        var node = Node()
        node.start()
        node.tell(0, .exited(generation: 1, .code(125)))
        #expect(node.life.state == .running)
        #expect(!node.life.hasFailedToStart)
        #expect(node.life.workers[0].hasFailed)
    }

    @Test func everyStateAnswersEveryStop() {
        for first in [NodeLife.StopStyle.orderly, .quick, .kill] {
            for second in [NodeLife.StopStyle.orderly, .quick, .kill] {
                for isStarted in [false, true] {
                    var node = Node()
                    node.obeysDrain = false
                    if isStarted { node.start() }
                    node.stop(first)
                    node.stop(second)
                    #expect(node.timeToStop() <= .seconds(10))
                    #expect(node.life.state == .stopped)
                }
            }
        }
    }
}
