import Glibc
import Model
import Synchronization

/// `clusterf-sim`: reads its command line, runs worlds, and says what came of them.
package enum SimulatorProgram {
    /// The program as a whole; it does not return.
    package static func main() async -> Never {
        exit(await run(Array(CommandLine.arguments.dropFirst())))
    }

    /// - Returns: the exit code.
    package static func run(_ words: [String]) async -> Int32 {
        let arguments: Arguments
        do throws(Arguments.Fault) {
            arguments = try Arguments(words)
        } catch {
            Console.complain("clusterf-sim: \(error.text); --help shows what there is")
            return 64
        }
        if arguments.wantsHelp {
            print(Arguments.help)
            return 0
        }
        if arguments.runsCanaries { return await runCanaries(arguments) }
        if let file = arguments.keptFile { return await runKept(file, arguments) }
        if arguments.seedCount == 1 { return runOne(arguments) }
        var all: [SimulationOptions] = []
        for offset in 0..<arguments.seedCount {
            var options = arguments.options
            options.seed &+= UInt64(offset)
            all.append(options)
        }
        return await runMany(all, arguments)
    }

    // MARK: One seed

    private static func runOne(_ arguments: Arguments) -> Int32 {
        let clock = ContinuousClock()
        let start = clock.now
        var progress = Progress()
        let result = Simulation.run(
            World(arguments.options, keepsText: arguments.traceFile != nil)
        ) { world in
            progress.show(world)
            return arguments.timeLimitSeconds.map { clock.now - start < .seconds($0) } ?? true
        }
        print(Report.text(result, realSeconds: seconds(clock.now - start)))
        if let file = arguments.traceFile {
            guard Console.write(result.lines, to: file) else {
                Console.complain("clusterf-sim: cannot write \(file)")
                return 64
            }
        }
        guard result.hasFailed else { return 0 }
        if arguments.shrinks { shrink(result) }
        print("\nAgain: \(Report.command(result.options))")
        return 1
    }

    /// How long the search for a shorter run may take, beside the run that is under way.
    private static let shrinkTime = Duration.seconds(60)

    private static func shrink(_ failed: SimulationResult) {
        let clock = ContinuousClock()
        let end = clock.now + shrinkTime
        var shrinker = Shrinker(failed) { omissions in
            if clock.now >= end { return nil }
            let result = Simulation.run(failed.options, omitting: omissions) { _ in
                clock.now < end
            }
            return result.isComplete ? result : nil
        }
        let shortest = shrinker.shrink()
        let told = Simulation.run(
            shortest.options, omitting: shortest.omissions, keepsText: true)
        print(Report.shortest(told, runCount: shrinker.runCount))
    }

    // MARK: Canaries

    private static func runCanaries(_ arguments: Arguments) async -> Int32 {
        let all = CanaryCase.all
        let next = SharedCounter()
        let missedCount = await withTaskGroup(of: Int.self) { group in
            for _ in 0..<min(jobCount(arguments), all.count) {
                group.addTask {
                    var missedCount = 0
                    while true {
                        let index = next.take()
                        guard index < all.count else { return missedCount }
                        missedCount += isNoticed(all[index]) ? 0 : 1
                    }
                }
            }
            return await group.reduce(0, +)
        }
        print("\(all.count) rules broken, \(missedCount) not noticed")
        return missedCount == 0 ? 0 : 1
    }

    private static func isNoticed(_ canary: CanaryCase) -> Bool {
        guard let result = canary.run() else {
            print("\(canary.name): NOT NOTICED by \(canary.checker)")
            return false
        }
        print("\(canary.name): \(canary.checker) at seed \(result.options.seed)")
        return true
    }

    // MARK: Many seeds

    private static func runKept(_ file: String, _ arguments: Arguments) async -> Int32 {
        guard let text = Console.read(file) else {
            Console.complain("clusterf-sim: cannot read \(file)")
            return 64
        }
        do throws(Arguments.Fault) {
            let kept = try KeptSeed.parse(text)
            return await runMany(kept.map(\.options), arguments)
        } catch {
            Console.complain("clusterf-sim: \(file): \(error.text)")
            return 64
        }
    }

    private static func runMany(
        _ all: [SimulationOptions], _ arguments: Arguments
    ) async -> Int32 {
        let clock = ContinuousClock()
        let start = clock.now
        let jobCount = jobCount(arguments)
        let next = SharedCounter()
        let limit = arguments.timeLimitSeconds.map { Duration.seconds($0) }
        let summary = await withTaskGroup(of: Summary.self) { group in
            for _ in 0..<min(jobCount, all.count) {
                group.addTask {
                    var summary = Summary()
                    while true {
                        let index = next.take()
                        guard index < all.count else { return summary }
                        if let limit, clock.now - start >= limit { return summary }
                        summary.add(Simulation.run(all[index]))
                    }
                }
            }
            var total = Summary()
            for await part in group { total.add(part) }
            return total
        }
        print(summary.text(of: all.count, realSeconds: seconds(clock.now - start)))
        return summary.failedCount == 0 ? 0 : 1
    }

    private static func jobCount(_ arguments: Arguments) -> Int {
        arguments.jobCount ?? max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
    }

    private static func seconds(_ duration: Duration) -> Double {
        let (seconds, attoseconds) = duration.components
        return Double(seconds) + Double(attoseconds) / 1e18
    }
}

/// Numbers from 0, each given out once.
private final class SharedCounter: Sendable {
    private let next = Atomic<Int>(0)

    func take() -> Int { next.wrappingAdd(1, ordering: .relaxed).oldValue }
}

/// Many runs in one line.
private struct Summary: Sendable {
    var count = 0
    var failedCount = 0
    private var virtual: Nanoseconds = 0
    private var eventCount: UInt64 = 0
    private var operationCount = 0
    private var faultCount = 0
    /// From each death to when the last node knew of it; under faults that hold this up, too.
    private var detectionTimes: [Nanoseconds] = []
    private var falseDeathCount = 0
    /// Sums in any order: the same whatever the order of the runs.
    private var hash = Fingerprint.zero

    mutating func add(_ result: SimulationResult) {
        count += 1
        virtual += result.statistics.end
        eventCount += result.statistics.eventCount
        operationCount += result.statistics.operationCount
        faultCount += result.statistics.faultCount
        detectionTimes += result.detectionTimes
        falseDeathCount += result.falseDeathCount
        hash &+= result.traceHash
        if result.hasFailed {
            failedCount += 1
            print(Report.line(result))
        }
    }

    mutating func add(_ other: Summary) {
        count += other.count
        failedCount += other.failedCount
        virtual += other.virtual
        eventCount += other.eventCount
        operationCount += other.operationCount
        faultCount += other.faultCount
        detectionTimes += other.detectionTimes
        falseDeathCount += other.falseDeathCount
        hash &+= other.hash
    }

    private var deaths: String {
        guard !detectionTimes.isEmpty else { return "" }
        return "\n\(detectionTimes.count) deaths known by all after"
            + " p50 \(detectionTimes.percentile(500).secondsText) s,"
            + " p99 \(detectionTimes.percentile(990).secondsText) s,"
            + " max \((detectionTimes.max() ?? 0).secondsText) s;"
            + " \(falseDeathCount) said of nodes that were up"
    }

    func text(of wanted: Int, realSeconds: Double) -> String {
        let speed = realSeconds > 0 ? Double(virtual) / 1e9 / realSeconds : 0
        return
            "\(count) of \(wanted) seeds, \(failedCount) failed; \(virtual / .seconds(1)) s virtual"
            + " in \(Report.rounded(realSeconds)) s (\(Report.rounded(speed)) × real time),"
            + " \(eventCount) events, \(operationCount) operations, \(faultCount) faults,"
            + " traces \(Report.hex(hash))" + deaths
    }
}
