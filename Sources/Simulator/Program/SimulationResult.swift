package import Model

/// What came of one run: enough for a report, and for running it again.
package struct SimulationResult: Sendable {
    package let options: SimulationOptions
    package let violations: [Violation]
    package let statistics: Statistics
    /// Of everything that happened: the same seed gives the same one, in every process.
    package let traceHash: Fingerprint
    /// Cut short by the time limit.
    package let isComplete: Bool
    let omissions: Omissions
    /// The faults that were not left out.
    let faults: [Fault]
    let history: History
    let lines: [String]
    let detectionTimes: [Nanoseconds]
    let falseDeathCount: Int
    let moves: [(copies: Int, ideal: Int)]
    let highest: [(name: String, count: Int)]
    let undecidedPaths: Int

    package var hasFailed: Bool { !violations.isEmpty }

    init(_ world: borrowing World) {
        let world = copy world
        options = world.options
        violations = world.checkers.violations
        statistics = world.statistics
        traceHash = world.trace.hash
        isComplete = world.phase == .done || !world.checkers.violations.isEmpty
        omissions = world.omissions
        faults = world.faults.filter { !world.omissions.faults.contains($0.number) }
        history = world.history
        lines = world.trace.lines
        detectionTimes = world.checkers.deadIsKnown.detectionTimes
        falseDeathCount = world.checkers.deadIsKnown.falseDeathCount
        moves = world.checkers.movedBytes.measured
        highest = world.checkers.bounded.highest
        undecidedPaths = world.checkers.undecidedPaths
    }
}

/// Runs worlds from their beginning to their end.
package enum Simulation {
    /// - Parameter mayGoOn: asked now and then, with the virtual time; the run is cut short where it
    ///   says no.
    package static func run(
        _ options: SimulationOptions, keepsText: Bool = false,
        while mayGoOn: (Nanoseconds) -> Bool = { _ in true }
    ) -> SimulationResult {
        run(options, omitting: Omissions(), keepsText: keepsText, while: mayGoOn)
    }

    static func run(
        _ options: SimulationOptions, omitting omissions: Omissions, keepsText: Bool = false,
        while mayGoOn: (Nanoseconds) -> Bool = { _ in true }
    ) -> SimulationResult {
        run(World(options, omitting: omissions, keepsText: keepsText)) { mayGoOn($0.now) }
    }

    static func run(
        _ start: consuming World, while mayGoOn: (borrowing World) -> Bool
    ) -> SimulationResult {
        var world = start
        world.run(while: mayGoOn)
        return SimulationResult(world)
    }
}
