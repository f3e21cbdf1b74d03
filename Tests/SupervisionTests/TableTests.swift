import Model
import Supervision
import Testing

/// Every state × every event: each cell answers, and leaves the life in a state that holds.
struct TableTests {
    /// The phases of a worker, each with the events that lead there.
    enum Situation: String, CaseIterable {
        case dormant
        case starting
        case ready
        case draining
        case stoppingChild
        case aborting
        case killing
        case handingOver
        case retiring
        case waiting
        case degraded
        case failed
        case stopping
        case stopped

        func make(_ style: RestartStyle) -> Harness {
            var harness = Harness(style)
            switch self {
            case .dormant: break
            case .starting: _ = harness.start()
            case .ready: _ = harness.serve()
            case .draining, .stopping:
                _ = harness.serve()
                harness.tell(.stopRequested(drain: .seconds(4)))
            case .stoppingChild:
                _ = harness.serve()
                harness.tell(.linkClosed(generation: harness.generation))
            case .aborting:
                _ = harness.serve()
                harness.pass(.seconds(10))
            case .killing:
                _ = harness.serve()
                harness.tell(.killRequested)
            case .handingOver, .retiring:
                _ = harness.serve()
                harness.tell(.restartRequested)
                if self == .retiring { harness.tell(.ready(generation: 2)) }
            case .waiting:
                let generation = harness.start()
                harness.tell(.exited(generation: generation, .code(1)))
            case .degraded:
                _ = harness.start()
                while harness.condition != .degraded {
                    harness.tell(.exited(generation: harness.generation, .code(1)))
                    if harness.condition != .degraded { harness.pass(.seconds(4)) }
                }
            case .failed:
                let generation = harness.start()
                harness.tell(.exited(generation: generation, .code(125)))
            case .stopped:
                harness.tell(.stopRequested(drain: .seconds(4)))
            }
            return harness
        }
    }

    static func events(_ generation: UInt64) -> [WorkerEvent] {
        [
            .startRequested, .restartRequested, .stopRequested(drain: .seconds(4)),
            .killRequested, .spawned(generation: generation, pid: 77),
            .spawnFailed(generation: generation, reason: "no"), .ready(generation: generation),
            .progressAnswered(generation: generation, Progress(queued: 0, finished: 3)),
            .drained(generation: generation), .linkClosed(generation: generation),
            .processStateSeen(generation: generation, isStopped: true),
            .processStateSeen(generation: generation, isStopped: false),
            .exited(generation: generation, .code(0)),
            .exited(generation: generation, .code(125)),
            .exited(generation: generation, .signal(9)), .timePassed,
        ]
    }

    @Test(arguments: Situation.allCases, [RestartStyle.exclusive, .seamless])
    func everyCellAnswers(situation: Situation, style: RestartStyle) {
        let prepared = situation.make(style)
        for generation in UInt64(0)...12 {
            for event in TableTests.events(generation) {
                for delay in [Duration.zero, .seconds(5), .seconds(1000)] {
                    var harness = prepared
                    harness.now += delay
                    harness.tell(event)
                    #expect(style == .seamless || harness.life.children.count <= 1)
                    #expect(harness.life.children.allSatisfy { !$0.hasEnded })
                    if let wake = harness.life.nextWake { #expect(wake > .zero) }
                    // A second event on top: no cell leaves a trap behind.
                    for second in TableTests.events(generation) {
                        var copy = harness
                        copy.tell(second)
                    }
                }
            }
        }
    }

    @Test(arguments: Situation.allCases, [RestartStyle.exclusive, .seamless])
    func staleGenerationIsIgnored(situation: Situation, style: RestartStyle) {
        let prepared = situation.make(style)
        let stale: UInt64 = 999
        for event in TableTests.events(stale) {
            switch event {
            case .startRequested, .restartRequested, .stopRequested, .killRequested, .timePassed:
                continue
            case .spawned(_, let pid):
                // A process that nobody asked for does not live.
                var harness = prepared
                #expect(harness.tell(event) == [.signal(pid: pid, .kill)])
                #expect(harness.life == prepared.life)
            case .spawnFailed, .ready, .progressAnswered, .drained, .linkClosed,
                .processStateSeen, .exited:
                var harness = prepared
                #expect(harness.tell(event).isEmpty)
                #expect(harness.life == prepared.life)
            }
        }
    }

    @Test(arguments: Situation.allCases, [RestartStyle.exclusive, .seamless])
    func whatTheTimerPromisesComes(situation: Situation, style: RestartStyle) {
        var harness = situation.make(style)
        // Waking when asked to always changes something: no timer that spins.
        for _ in 0..<50 {
            guard let wake = harness.life.nextWake else { return }
            harness.now = max(harness.now, wake)
            harness.tell(.timePassed)
            #expect(harness.life.nextWake.map { $0 > harness.now } ?? true)
        }
    }

    @Test(arguments: Situation.allCases, [RestartStyle.exclusive, .seamless])
    func aKilledWorkerIsGoneOnceItsChildrenAre(situation: Situation, style: RestartStyle) {
        var harness = situation.make(style)
        harness.tell(.killRequested)
        for child in harness.life.children {
            harness.tell(.exited(generation: child.generation, .signal(9)))
        }
        #expect(harness.life.isStopped)
        #expect(harness.life.nextWake == nil)
        #expect(harness.tell(.startRequested).spawns.isEmpty)
        #expect(harness.tell(.restartRequested).spawns.isEmpty)
    }
}
