import Supervision
import Testing

struct RestartTests {
    @Test func usefulLifeIsFollowedAtOnce() {
        var harness = Harness(.exclusive)
        let generation = harness.serve()
        harness.pass(.seconds(1))
        let directives = harness.tell(.exited(generation: generation, .signal(9)))
        #expect(directives.spawns == [generation + 1])
        #expect(harness.life.summary.restarts == 1)
    }

    @Test func usefulButTinyLivesDoNotMakeAHotLoop() {
        var harness = Harness(.exclusive)
        var generation = harness.serve()
        for _ in 0..<20 {
            let before = harness.now
            harness.tell(.exited(generation: generation, .signal(11)))
            if harness.condition == .waiting { harness.pass(.milliseconds(100)) }
            #expect(harness.now - before >= SupervisionLimits.spawnIntervalMin)
            generation = harness.serve()
        }
        #expect(harness.condition == .ready)
    }

    @Test func deathBeforeReadyBacksOff() {
        var harness = Harness(.exclusive)
        var generation = harness.start()
        for wait in [100, 200, 400, 800, 1600, 3200] {
            let directives = harness.tell(.exited(generation: generation, .code(1)))
            #expect(directives.spawns.isEmpty)
            #expect(harness.condition == .waiting)
            #expect(harness.pass(.milliseconds(wait - 1)).spawns.isEmpty)
            // Jitter is at most a quarter.
            #expect(harness.pass(.milliseconds(wait / 4 + 2)).spawns == [generation + 1])
            generation += 1
        }
    }

    @Test func readyWithoutAFinishedRequestBacksOffToo() {
        var harness = Harness(.exclusive)
        let generation = harness.start()
        harness.tell(.ready(generation: generation))
        harness.tell(.exited(generation: generation, .code(0)))
        #expect(harness.condition == .waiting)
    }

    @Test func aLongLifeWithoutRequestsIsNoFailedStart() {
        var harness = Harness(.exclusive)
        let generation = harness.start()
        harness.tell(.ready(generation: generation))
        for _ in 0..<70 {
            harness.pass(.seconds(1))
            harness.tell(
                .progressAnswered(generation: generation, Progress(queued: 0, finished: 0)))
        }
        #expect(harness.tell(.exited(generation: generation, .signal(9))).spawns == [2])
    }

    /// The limit must be reachable: more than 6 deaths in 60 s, at waits that double.
    @Test(arguments: [0, 1, 5, 8])
    func degradedIsReachable(lifeInSeconds: Int) {
        var harness = Harness(.exclusive)
        _ = harness.start()
        var deaths = 0
        var firstDeath: Moment?
        while harness.condition != .degraded {
            harness.pass(.seconds(lifeInSeconds))
            harness.tell(.exited(generation: harness.generation, .code(1)))
            deaths += 1
            firstDeath = firstDeath ?? harness.now
            if harness.condition == .waiting {
                harness.pass((harness.life.nextWake ?? .zero) - harness.now)
            }
            if deaths > 20 { break }
        }
        #expect(deaths == SupervisionLimits.deathsMax + 1)
        #expect(harness.now - (firstDeath ?? .zero) <= SupervisionLimits.deathWindow)
    }

    @Test func livesTooSlowForTheWindowStillEndDegraded() {
        var harness = Harness(.exclusive)
        _ = harness.start()
        for _ in 0..<12 where harness.condition != .degraded {
            harness.pass(.seconds(33))
            harness.tell(.exited(generation: harness.generation, .signal(9)))
            if harness.condition == .waiting {
                harness.pass((harness.life.nextWake ?? .zero) - harness.now)
            }
        }
        #expect(harness.condition == .degraded)
    }

    private func degraded() -> Harness {
        TableTests.Situation.degraded.make(.exclusive)
    }

    @Test func degradedIsSaidAndProbedEvery30Seconds() {
        var harness = degraded()
        #expect(
            harness.log.notices.contains {
                if case .degraded(deaths: 7, probeIn: _) = $0 { true } else { false }
            })
        for _ in 0..<3 {
            let generation = harness.generation
            #expect(harness.pass(.milliseconds(29_999)).spawns.isEmpty)
            #expect(harness.pass(.milliseconds(7502)).spawns == [generation + 1])
            harness.tell(.exited(generation: generation + 1, .code(1)))
            #expect(harness.condition == .degraded)
        }
    }

    @Test func degradedEndsWithALifeOfUse() {
        var harness = degraded()
        harness.pass(.seconds(38))
        #expect(harness.condition == .starting)
        #expect(harness.life.summary.isDegraded)
        let generation = harness.serve()
        #expect(!harness.life.summary.isDegraded)
        #expect(harness.log.notices.contains(.recovered(generation: generation)))
        #expect(harness.tell(.exited(generation: generation, .signal(9))).spawns.count == 1)
    }

    @Test func exitCode125IsForGood() {
        var harness = Harness(.exclusive)
        let generation = harness.start()
        let directives = harness.tell(.exited(generation: generation, .code(125)))
        #expect(directives.notices.contains(.failedForGood))
        #expect(harness.condition == .failed)
        #expect(harness.pass(.seconds(100_000)).isEmpty)
    }

    @Test func aPersonMayRestartWhatFailedForGood() {
        var harness = TableTests.Situation.failed.make(.exclusive)
        #expect(harness.tell(.restartRequested).spawns == [2])
    }

    @Test func aSpawnThatFailsBacksOff() {
        var harness = Harness(.exclusive)
        _ = harness.start()
        harness.tell(.spawnFailed(generation: 1, reason: "no such file"))
        #expect(harness.condition == .waiting)
        #expect(
            harness.log.notices.contains(.notSpawned(generation: 1, reason: "no such file")))
    }
}

struct RequestedRestartTests {
    @Test func gatewayRestartIsSeamless() {
        var harness = Harness(.seamless)
        let old = harness.serve()
        #expect(harness.tell(.restartRequested).spawns == [old + 1])
        #expect(harness.life.isReady)
        #expect(harness.condition == .restarting)
        // The old one drains only when the new one is ready.
        #expect(!harness.log.contains { if case .sendDrain = $0 { true } else { false } })
        let directives = harness.tell(.ready(generation: old + 1))
        #expect(
            directives.contains(
                .sendDrain(generation: old, within: SupervisionLimits.retireMax)))
        #expect(harness.generation == old + 1)
        harness.tell(.drained(generation: old))
        harness.tell(.exited(generation: old, .code(0)))
        #expect(harness.life.children.count == 1)
        #expect(harness.condition == .ready)
    }

    @Test(arguments: [ProcessEnd.code(1), .code(125), .signal(11)])
    func theOldGatewayGoesOnWhenTheNewOneFails(status: ProcessEnd) {
        var harness = Harness(.seamless)
        let old = harness.serve()
        harness.tell(.restartRequested)
        let directives = harness.tell(.exited(generation: old + 1, status))
        #expect(directives == [.say(.successorFailed(generation: old + 1, status))])
        #expect(harness.life.incumbent?.generation == old)
        #expect(harness.condition == .ready)
    }

    @Test func aNewGatewayThatNeverGetsReadyIsEnded() {
        var harness = Harness(.seamless)
        let old = harness.serve()
        harness.tell(.restartRequested)
        let directives = harness.passAnswering(.seconds(130))
        #expect(directives.signals == [.abort, .kill])
        harness.tell(.exited(generation: old + 1, .signal(9)))
        #expect(harness.condition == .ready)
        #expect(harness.generation == old)
    }

    @Test func theNewGatewayTakesOverWhenTheOldOneDiesFirst() {
        var harness = Harness(.seamless)
        let old = harness.serve()
        harness.tell(.restartRequested)
        #expect(harness.tell(.exited(generation: old, .signal(9))).spawns.isEmpty)
        #expect(harness.condition == .starting)
        harness.tell(.ready(generation: old + 1))
        #expect(harness.condition == .ready)
    }

    @Test func aReplacedGatewayIsEndedAfterTenMinutes() {
        var harness = Harness(.seamless)
        let old = harness.serve()
        harness.tell(.restartRequested)
        harness.tell(.ready(generation: old + 1))
        #expect(harness.passAnswering(.seconds(599)).signals.isEmpty)
        #expect(harness.passAnswering(.seconds(2)).signals == [.terminate, .kill])
    }

    @Test func replacedGatewaysDoNotPileUp() {
        var harness = Harness(.seamless)
        _ = harness.serve()
        for _ in 0..<10 {
            harness.tell(.restartRequested)
            harness.tell(.ready(generation: harness.life.children.last?.generation ?? 0))
            let unwanted = harness.pass(.milliseconds(1))
            for case .signal(let pid, .terminate) in unwanted {
                let child = harness.life.children.first { $0.pid == pid }
                harness.tell(.exited(generation: child?.generation ?? 0, .signal(15)))
            }
            #expect(
                harness.life.children.count <= SupervisionLimits.retiringChildrenMax + 1)
        }
    }

    @Test func storeRestartIsExclusive() {
        var harness = Harness(.exclusive)
        let old = harness.serve()
        let directives = harness.tell(.restartRequested)
        #expect(directives.spawns.isEmpty)
        #expect(
            directives.contains(
                .sendDrain(generation: old, within: SupervisionLimits.exclusiveDrainMax)))
        harness.tell(.drained(generation: old))
        #expect(harness.tell(.exited(generation: old, .code(0))).spawns == [old + 1])
    }

    @Test func aStoreThatDoesNotDrainIsEndedAndStartedAgain() {
        var harness = Harness(.exclusive)
        let old = harness.serve()
        harness.tell(.restartRequested)
        #expect(harness.passAnswering(.seconds(11)).signals == [.terminate, .kill])
        #expect(harness.tell(.exited(generation: old, .signal(9))).spawns == [old + 1])
    }

    @Test(arguments: [RestartStyle.seamless, .exclusive])
    func aSecondRequestChangesNothing(style: RestartStyle) {
        var harness = Harness(style)
        _ = harness.serve()
        harness.tell(.restartRequested)
        let before = harness.life
        #expect(harness.tell(.restartRequested) == [.say(.restartAlreadyUnderWay)])
        #expect(harness.life == before)
    }

    @Test func aRestartWhileWaitingStartsAtOnce() {
        var harness = TableTests.Situation.degraded.make(.seamless)
        #expect(harness.tell(.restartRequested).spawns.count == 1)
    }
}
