import Supervision
import Testing

struct LocalClusterLifeTests {
    /// Nodes that do as they are told, or not.
    struct Cluster {
        var life: LocalClusterLife
        var now: Moment = .zero
        var obeys = true
        var spawned: [Int] = []
        var signals: [LocalClusterLife.Signal] = []
        var notices: [LocalClusterLife.Notice] = []
        var living: Set<Int> = []

        init(_ count: Int) { life = LocalClusterLife(count: count) }

        mutating func perform(_ directives: [LocalClusterLife.Directive]) {
            for directive in directives {
                switch directive {
                case .spawn(let index):
                    spawned.append(index)
                    living.insert(index)
                case .signal(let index, let signal):
                    #expect(living.contains(index), "only who lives is told to stop")
                    signals.append(signal)
                    guard obeys || signal == .kill else { continue }
                    exit(index, signal == .kill ? .signal(9) : .code(0))
                case .say(let notice): notices.append(notice)
                }
            }
        }

        mutating func exit(_ index: Int, _ end: ProcessEnd) {
            living.remove(index)
            perform(life.exited(index, end, now: now))
        }

        mutating func start() { perform(life.start()) }
        mutating func ready(_ index: Int) { perform(life.becameReady(index)) }
        mutating func stop(_ style: NodeLife.StopStyle) {
            perform(life.stopRequested(style, now: now))
        }

        mutating func startAll() {
            start()
            for index in life.nodes.indices { ready(index) }
        }

        /// Time until all have stopped.
        mutating func timeToStop() -> Duration {
            let began = now
            while life.state != .stopped, let wake = life.nextWake {
                now = max(now, wake)
                perform(life.timePassed(now: now))
            }
            return now - began
        }
    }

    @Test func aFewNodesStartAtOneTimeAndAllInTheEnd() {
        var cluster = Cluster(50)
        cluster.start()
        #expect(cluster.spawned == Array(0..<SupervisionLimits.nodesStartingMax))
        cluster.ready(3)
        #expect(cluster.spawned.count == SupervisionLimits.nodesStartingMax + 1)
        #expect(cluster.life.state == .starting)
        for index in 0..<50 { cluster.ready(index) }
        #expect(cluster.spawned == Array(0..<50))
        #expect(cluster.life.state == .running)
        #expect(cluster.notices == [.allReady], "said once")
        cluster.ready(3)
        #expect(cluster.notices == [.allReady])
    }

    @Test(arguments: [NodeLife.StopStyle.orderly, .quick])
    func aStopReachesAllAtOneTime(style: NodeLife.StopStyle) {
        var cluster = Cluster(20)
        cluster.startAll()
        cluster.stop(style)
        let signal: LocalClusterLife.Signal = style == .quick ? .interrupt : .terminate
        #expect(cluster.signals == Array(repeating: signal, count: 20))
        #expect(cluster.life.state == .stopped)
        #expect(cluster.life.nextWake == nil)
        #expect(cluster.life.failedStart == nil)
        #expect(!cluster.life.hasLostNodes)
    }

    @Test func aStopDuringTheStartStartsNobodyElse() {
        var cluster = Cluster(20)
        cluster.start()
        cluster.ready(0)
        let count = cluster.spawned.count
        cluster.stop(.orderly)
        #expect(cluster.spawned.count == count)
        #expect(cluster.life.state == .stopped)
    }

    @Test func whoDoesNotStopIsKilledInABoundedTime() {
        var cluster = Cluster(10)
        cluster.startAll()
        cluster.obeys = false
        cluster.stop(.orderly)
        #expect(
            cluster.timeToStop()
                == SupervisionLimits.nodeStopMax + SupervisionLimits.nodeStopShare * 10)
        #expect(cluster.life.state == .stopped)
        #expect(cluster.notices.last == .stopOverran(10))
    }

    @Test func theSecondSignalShortensTheStop() {
        var cluster = Cluster(10)
        cluster.startAll()
        cluster.obeys = false
        cluster.stop(.orderly)
        cluster.stop(.orderly)
        #expect(cluster.signals.count == 10, "a second wish says nothing new")
        cluster.stop(.kill)
        #expect(cluster.signals.count == 20)
        #expect(
            cluster.timeToStop()
                == SupervisionLimits.nodeKillGrace + SupervisionLimits.nodeStopShare * 10)
    }

    @Test func aNodeThatDoesNotStartEndsAllAndItsCodeIsKept() {
        var cluster = Cluster(5)
        cluster.start()
        cluster.ready(0)
        cluster.exit(2, .code(125))
        #expect(cluster.life.state == .stopped)
        #expect(cluster.life.failedStart == .code(125))
        #expect(cluster.notices == [.didNotStart(2, .code(125))])
        #expect(cluster.signals.allSatisfy { $0 == .interrupt })
    }

    @Test func aNodeThatCannotBeSpawnedEndsAll() {
        var cluster = Cluster(3)
        cluster.start()
        cluster.living.remove(1)
        cluster.perform(cluster.life.spawnFailed(1, reason: "no memory", now: .zero))
        #expect(cluster.life.state == .stopped)
        #expect(cluster.life.failedStart == .code(SupervisionLimits.notSpawnedCode))
    }

    @Test func aNodeThatEndsLaterIsSaidAndLeft() {
        var cluster = Cluster(3)
        cluster.startAll()
        cluster.exit(1, .signal(9))
        cluster.exit(2, .code(0))
        #expect(cluster.life.state == .running)
        #expect(cluster.spawned.count == 3, "nobody is started again")
        #expect(
            cluster.notices == [.allReady, .ended(1, .signal(9)), .ended(2, .code(0))])
        #expect(cluster.life.hasLostNodes)
        cluster.exit(0, .code(0))
        #expect(cluster.life.state == .stopped, "nobody is left")
    }

    @Test func aNodeThatIsStoppedWhileItStartsHoldsUpNobody() {
        var cluster = Cluster(2)
        cluster.start()
        cluster.ready(0)
        cluster.exit(1, .code(0))
        #expect(cluster.life.state == .running)
        #expect(cluster.life.failedStart == nil)
        #expect(!cluster.life.hasLostNodes)
    }
}
