import Cluster
import Model
import Replication
import Testing

@testable import Simulator

@Suite struct ArgumentsTests {
    @Test func flagsAreRead() throws {
        let arguments = try Arguments([
            "--nodes", "9", "--seed=7", "--hours", "2", "--faults", "kills,loss", "--policy",
            "majority", "--rf", "5", "--seeds", "3", "--jobs", "2", "--canary", "skipsBallots",
            "--trace", "t", "--time-limit", "60",
        ])
        #expect(arguments.options.nodeCount == 9)
        #expect(arguments.options.seed == 7)
        #expect(arguments.options.length == .seconds(7200))
        #expect(arguments.options.faults == [.kills, .loss])
        #expect(arguments.options.policy == .majority)
        #expect(arguments.options.replicationFactor == 5)
        #expect(arguments.options.canaries == .skipsBallots)
        #expect(arguments.seedCount == 3)
        #expect(arguments.jobCount == 2)
        #expect(arguments.traceFile == "t")
        #expect(arguments.timeLimitSeconds == 60)
    }

    @Test(arguments: [
        ["--nods", "9"], ["--nodes"], ["--nodes", "none"], ["--nodes", "0"],
        ["--faults", "kill"], ["--policy", "some"], ["--canary", "bird"], ["--rf", "0"], ["9"],
    ])
    func mistakesAreSaid(_ words: [String]) {
        #expect(throws: Arguments.Fault.self) { try Arguments(words) }
    }

    @Test func mistakesEndWithTheCodeForWrongUse() async {
        #expect(await SimulatorProgram.run(["--nods", "9"]) == 64)
        #expect(await SimulatorProgram.run(["--kept", "/nowhere/at/all"]) == 64)
    }

    @Test func faultNamesAreEachOthers() {
        for text in ["none", "all", "loss", "partitions,kills", "membership"] {
            #expect(FaultKinds(text)?.text == text)
        }
        #expect(FaultKinds.all.contains(.rollback))
    }

    @Test func keptSeedsAreRead() throws {
        let kept = try KeptSeed.parse(
            """
            # seed nodes minutes faults policy rf # what it found

            17 5 5 all available 3 # a write was lost
            18 7 2 kills,loss majority 5
            """)
        #expect(kept.map(\.options.seed) == [17, 18])
        #expect(kept[0].sentence == "a write was lost")
        #expect(kept[1].options.length == .seconds(120))
        #expect(kept[1].options.replicationFactor == 5)
        #expect(throws: Arguments.Fault.self) { try KeptSeed.parse("17 5 5 all") }
    }
}

@Suite struct ShrinkerTests {
    @Test func whatDoesNotMatterIsLeftOut() {
        var runCount = 0
        let left = DeltaDebugging.minimize(Array(0..<100)) { part in
            runCount += 1
            return part.contains(17) && part.contains(71)
        }
        #expect(left == [17, 71])
        #expect(runCount < 200)
    }

    @Test func nothingIsLeftWhereNothingIsNeeded() {
        #expect(DeltaDebugging.minimize([1, 2, 3]) { _ in true } == [])
    }

    @Test func itStopsWhenTimeIsOver() {
        var runCount = 0
        let left = DeltaDebugging.minimize(Array(0..<8)) { part -> Bool? in
            runCount += 1
            return runCount > 3 ? nil : part.contains(0)
        }
        #expect(left.contains(0))
    }

    @Test func aFailingRunBecomesShort() throws {
        var options = Support.options(seconds: 10, faults: .kills)
        options.canaries = .acknowledgesEarly
        // Which seeds fail depends on when what is sent.
        var failed: SimulationResult?
        for seed in UInt64(1)...40 where failed == nil {
            options.seed = seed
            let result = Simulation.run(options)
            if result.violations.first?.checker == "AcknowledgedWritesAreDurable" {
                failed = result
            }
        }
        let found = try #require(failed)
        var runs = 0
        var shrinker = Shrinker(found) { omissions in
            runs += 1
            return runs > 12 ? nil : Simulation.run(options, omitting: omissions)
        }
        let shortest = shrinker.shrink()
        #expect(shortest.hasFailed)
        #expect(shortest.faults.isEmpty)
        #expect(shortest.history.count <= found.history.count)
    }
}
