import Supervision
import Testing

struct WatchdogTests {
    @Test func aWorkerThatAnswersLives() {
        var harness = Harness(.exclusive)
        _ = harness.serve()
        let directives = harness.passAnswering(.seconds(300))
        #expect(directives.signals.isEmpty)
        let questions = directives.count { if case .askProgress = $0 { true } else { false } }
        #expect((140...160).contains(questions))
    }

    @Test func aFreshWorkerIsAskedOftenUntilItHasFinishedSomething() {
        var harness = Harness(.exclusive)
        let generation = harness.start()
        harness.tell(.ready(generation: generation))
        let directives = harness.pass(.seconds(1))
        #expect(directives.contains(.askProgress(generation: generation)))
        harness.tell(.progressAnswered(generation: generation, Progress(queued: 0, finished: 1)))
        #expect(harness.tell(.exited(generation: generation, .signal(9))).spawns == [2])
    }

    @Test func silenceOf8SecondsIsAHang() {
        var harness = Harness(.exclusive)
        let generation = harness.serve()
        let pid = harness.pid
        #expect(harness.pass(.seconds(8)).signals.isEmpty)
        let directives = harness.pass(.seconds(1))
        #expect(directives.contains(.signal(pid: pid, .abort)))
        #expect(harness.condition == .hung)
        #expect(harness.pass(.milliseconds(1500)).signals == [.kill])
        #expect(harness.tell(.exited(generation: generation, .signal(9))).spawns == [2])
    }

    @Test func theTraceIsGiven2Seconds() {
        var harness = Harness(.exclusive)
        _ = harness.serve()
        while harness.condition != .hung { harness.pass(.milliseconds(10)) }
        #expect(harness.pass(.milliseconds(1985)).signals.isEmpty)
        #expect(harness.pass(.milliseconds(30)).signals == [.kill])
    }

    @Test func aLongSyncIsNoHang() {
        var harness = Harness(.exclusive)
        let generation = harness.serve()
        harness.tell(
            .progressAnswered(
                generation: generation, Progress(queued: 9, finished: 1, inSyncFor: .zero)))
        #expect(harness.pass(.seconds(119)).signals.isEmpty)
        #expect(harness.pass(.seconds(2)).signals == [.abort])
    }

    @Test func aSyncOf120SecondsIsAHangThoughTheLoopAnswers() {
        var harness = Harness(.exclusive)
        let generation = harness.serve()
        var signals: [Directive.Signal] = []
        for second in 0..<125 {
            harness.tell(
                .progressAnswered(
                    generation: generation,
                    Progress(queued: 1, finished: 1, inSyncFor: .seconds(second))))
            signals += harness.pass(.seconds(1)).signals
        }
        #expect(signals.first == .abort)
    }

    @Test func aStoppedProcessIsKilledAtOnce() {
        var harness = Harness(.exclusive)
        let generation = harness.serve()
        let pid = harness.pid
        let directives = harness.pass(.milliseconds(6300))
        #expect(directives.contains(.inspect(generation: generation, pid: pid)))
        let answer = harness.tell(
            .processStateSeen(generation: generation, isStopped: true))
        #expect(answer.contains(.signal(pid: pid, .kill)))
        #expect(!answer.signals.contains(.abort))
        #expect(harness.tell(.exited(generation: generation, .signal(9))).spawns == [2])
        #expect(harness.now < .seconds(10))
    }

    @Test func aStoppedProcessIsFoundInALongSyncToo() {
        var harness = Harness(.exclusive)
        let generation = harness.serve()
        harness.tell(
            .progressAnswered(
                generation: generation, Progress(queued: 9, finished: 1, inSyncFor: .zero)))
        let directives = harness.pass(.milliseconds(6300))
        #expect(directives.contains(.inspect(generation: generation, pid: harness.pid)))
    }

    @Test func aRunningProcessIsInspectedAgain() {
        var harness = Harness(.exclusive)
        let generation = harness.serve()
        let directives = harness.pass(.seconds(8))
        #expect(directives.signals.isEmpty)
        let looks = directives.count { $0 == .inspect(generation: generation, pid: harness.pid) }
        #expect(looks >= 2)
    }

    @Test func aStartThatTakesLongerThanASyncMayIsAHang() {
        var harness = Harness(.exclusive)
        _ = harness.start()
        #expect(harness.pass(.seconds(119)).signals.isEmpty)
        #expect(harness.pass(.seconds(4)).signals == [.abort, .kill])
    }

    @Test func aStartInASyncMayTake120Seconds() {
        var harness = Harness(.exclusive)
        let generation = harness.start()
        var signals: [Directive.Signal] = []
        for second in 0..<119 {
            harness.tell(
                .progressAnswered(
                    generation: generation,
                    Progress(queued: 0, finished: 0, inSyncFor: .seconds(second))))
            signals += harness.pass(.seconds(1)).signals
        }
        #expect(signals.isEmpty)
        #expect(harness.pass(.seconds(40)).signals.first == .abort)
    }

    /// The supervisor itself was stopped: nobody else is to blame.
    @Test func theSupervisorsOwnDelayIsNoHang() {
        var harness = Harness(.exclusive)
        _ = harness.serve()
        harness.pass(.seconds(3))
        harness.now += .seconds(60)
        #expect(harness.tell(.timePassed).signals.isEmpty)
        #expect(harness.passAnswering(.seconds(20)).signals.isEmpty)
    }

    @Test func aDrainingWorkerIsWatchedToo() {
        var harness = Harness(.seamless)
        _ = harness.serve()
        harness.tell(.restartRequested)
        harness.tell(.ready(generation: 2))
        let directives = harness.pass(.seconds(12))
        #expect(directives.notices.contains { if case .hung(1, _) = $0 { true } else { false } })
    }

    @Test func aLostLinkEndsTheChild() {
        var harness = Harness(.exclusive)
        let generation = harness.serve()
        #expect(harness.tell(.linkClosed(generation: generation)).signals.isEmpty)
        #expect(harness.pass(.seconds(3)).signals == [.kill])
        #expect(harness.tell(.exited(generation: generation, .signal(9))).spawns == [2])
    }

    @Test func aProcessThatSurvivesSIGKILLIsSaidOnce() {
        var harness = TableTests.Situation.killing.make(.exclusive)
        let notices = harness.pass(.seconds(100)).notices
        #expect(notices == [.willNotDie(pid: 101)])
        #expect(harness.life.children.count == 1)
    }
}
