import Model
import Replication
import Testing

@testable import Simulator

@Suite struct WorldTests {
    @Test func theSameSeedGivesTheSameTrace() {
        let options = Support.options(seconds: 15, faults: .all)
        let first = Simulation.run(options)
        let second = Simulation.run(options)
        #expect(first.traceHash == second.traceHash)
        #expect(first.statistics.eventCount == second.statistics.eventCount)
        let other = Simulation.run(Support.options(seed: 2, seconds: 15, faults: .all))
        #expect(first.traceHash != other.traceHash)
    }

    @Test func keepingTheTextChangesNothing() {
        let options = Support.options(seconds: 5, faults: .all)
        let told = Simulation.run(options, keepsText: true)
        #expect(told.traceHash == Simulation.run(options).traceHash)
        #expect(!told.lines.isEmpty)
    }

    @Test func clientsGoOnWithoutFaultsAndEverythingIsAnswered() {
        let result = Simulation.run(Support.options(seconds: 20))
        #expect(result.violations.map(\.explanation) == [])
        #expect(result.isComplete)
        let records = result.history.records.filter { $0.client >= 0 }
        #expect(records.count > 20)
        #expect(records.allSatisfy { $0.outcome != .unknown && $0.outcome != .open })
    }

    @Test func faultsAreTheSameWhateverIsLeftOut() {
        let options = Support.options(nodes: 5, seconds: 120, faults: .all)
        let faults = FaultSchedule.make(options, from: 0)
        #expect(faults.count > 10)
        #expect(faults.map(\.number) == Array(faults.indices))
        #expect(faults.allSatisfy { $0.start >= 0 && $0.end <= .seconds(120) })
        let again = FaultSchedule.make(options, from: 0)
        #expect(faults.map(\.description) == again.map(\.description))
    }

    @Test func whatIsLeftOutDoesNotHappen() {
        let options = Support.options(seconds: 15, faults: .kills)
        var omissions = Omissions()
        omissions.faults = Set(FaultSchedule.make(options, from: 0).map(\.number))
        omissions.clients = [0, 1, 2]
        let result = Simulation.run(options, omitting: omissions)
        #expect(result.statistics.faultCount == 0)
        #expect(result.history.records.allSatisfy { $0.client == 3 || $0.client < 0 })
    }

    @Test func onlyWhatNamesContentsWaitsForThem() {
        var world = World(Support.options())
        var contents = NamedContents()
        contents.want(Support.stored(Support.version(1), by: 1).content)
        #expect(world.lateDelay(of: contents) == nil)
        world.lateness[0] = 1000
        #expect(world.lateDelay(of: contents) != nil)
        #expect(world.lateDelay(of: NamedContents()) == nil)
    }

    @Test func contentsThatComeLateBreakNothing() {
        let options = Support.options(seconds: 90, faults: .loss)
        let faults = FaultSchedule.make(options, from: 0)
        var omissions = Omissions()
        let others = faults.filter { !$0.description.contains("late contents") }
        omissions.faults = Set(others.map(\.number))
        #expect(omissions.faults.count < faults.count)
        let result = Simulation.run(options, omitting: omissions)
        #expect(result.statistics.faultCount == faults.count - omissions.faults.count)
        #expect(result.violations.map(\.explanation) == [])
        #expect(result.isComplete)
    }

    @Test func operationsDoNotDependOnEachOther() {
        let workload = Workload(options: Support.options())
        let alone = workload.operation(client: 1, index: 7, at: 0) { _ in nil }
        for index in 0..<7 { _ = workload.operation(client: 1, index: index, at: 0) { _ in nil } }
        let after = workload.operation(client: 1, index: 7, at: 0) { _ in nil }
        #expect(alone.kind == after.kind && alone.path == after.path)
    }

    @Test func contentsNameTheirPut() {
        let content = ContentNumber(client: 7, index: 12)
        #expect(ContentNumber(content.digest) == content)
        #expect(content.description == "c7.12")
    }
}
