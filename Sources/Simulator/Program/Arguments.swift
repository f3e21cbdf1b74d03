import Cluster
import Model
import Replication

/// The command line of `clusterf-sim`.
struct Arguments: Sendable {
    var options = SimulationOptions()
    var seedCount = 1
    /// Nil: as many as there are cores.
    var jobCount: Int?
    var traceFile: String?
    var keptFile: String?
    var timeLimitSeconds: Int?
    var wantsHelp = false
    var shrinks = true
    var runsCanaries = false

    struct Fault: Error, Equatable {
        let text: String
    }

    /// - Parameter words: without the program's name.
    init(_ words: [String]) throws(Fault) {
        var rest = words[...]
        while let flag = rest.popFirst() {
            switch flag {
            case "--help", "-h": wantsHelp = true
            case "--no-shrink": shrinks = false
            case "--canaries": runsCanaries = true
            case "--ahead": options.answersAhead = true
            default:
                // `--flag=value` and `--flag value` are the same.
                let parts = flag.split(separator: "=", maxSplits: 1).map(String.init)
                guard Self.flags.contains(parts[0]) else {
                    throw Fault(text: "unknown flag \(flag)")
                }
                guard let value = parts.count == 2 ? parts[1] : rest.popFirst() else {
                    throw Fault(text: "\(flag) needs a value")
                }
                try set(parts[0], to: value)
            }
        }
    }

    private static let flags: Set = [
        "--nodes", "--seed", "--hours", "--minutes", "--seconds", "--faults", "--policy", "--rf",
        "--seeds", "--jobs", "--canary", "--trace", "--time-limit", "--kept", "--clients",
        "--think-milliseconds",
    ]

    private mutating func set(_ flag: String, to value: String) throws(Fault) {
        switch flag {
        case "--nodes":
            options.nodeCount = try number(flag, value, 1...HostName.hostCountMax / 2)
        case "--seed":
            guard let seed = UInt64(value) else {
                throw Fault(text: "--seed takes a whole number, not \(value)")
            }
            options.seed = seed
        case "--hours":
            options.length = .seconds(Int64(try number(flag, value, 1...10_000)) * 3600)
        case "--minutes":
            options.length = .seconds(Int64(try number(flag, value, 1...600_000)) * 60)
        case "--seconds":
            options.length = .seconds(Int64(try number(flag, value, 1...36_000_000)))
        case "--faults":
            guard let kinds = FaultKinds(value) else {
                let names = FaultKinds.names.map(\.0).joined(separator: ", ")
                throw Fault(text: "--faults takes none, all or some of \(names), not \(value)")
            }
            options.faults = kinds
        case "--policy":
            guard let policy = WritePolicy(rawValue: value) else {
                throw Fault(text: "--policy is available or majority, not \(value)")
            }
            options.policy = policy
        case "--rf":
            options.replicationFactor = try number(flag, value, Layout.replicationFactorRange)
        case "--seeds": seedCount = try number(flag, value, 1...10_000_000)
        case "--jobs": jobCount = try number(flag, value, 1...1024)
        case "--canary":
            guard let canary = Canaries(name: value) else {
                let names = Canaries.names.map(\.0).joined(separator: ", ")
                throw Fault(text: "--canary is one of \(names), not \(value)")
            }
            options.canaries.formUnion(canary)
        case "--trace": traceFile = value
        case "--kept": keptFile = value
        case "--time-limit": timeLimitSeconds = try number(flag, value, 1...1_000_000)
        case "--clients": options.clientCount = try number(flag, value, 0...10_000)
        default:
            options.thinkTime = .milliseconds(Int64(try number(flag, value, 1...3_600_000)))
        }
    }

    private func number(
        _ flag: String, _ text: String, _ range: ClosedRange<Int>
    ) throws(Fault) -> Int {
        guard let number = Int(text), range.contains(number) else {
            throw Fault(
                text: "\(flag) takes a number from \(range.lowerBound) to \(range.upperBound),"
                    + " not \(text)")
        }
        return number
    }

    static let help = """
        clusterf-sim: runs the nodes of a cluster under virtual time, with faults, and checks what
        the cluster promises. The same seed gives the same run, byte for byte.

          --nodes N          nodes at the start (5)
          --seed S           the seed (1)
          --hours H, --minutes M, --seconds S
                             how long clients and faults go on, in virtual time (5 minutes)
          --faults LIST      none, all, or some of loss, partitions, slow, kills, disks, clocks,
                             membership, rollback, drizzle, with commas between them (all; the last
                             one is not among all)
          --policy P         available or majority (available)
          --rf R             the replication factor at the start (3)
          --ahead            disks answer changes before they are durable, as a store's does
          --seeds COUNT      runs the seeds S to S+COUNT-1
          --jobs J           as many of them at a time (all cores)
          --time-limit SECS  starts no further seed after so many seconds of real time
          --kept FILE        runs the seeds that a file keeps, one a line
          --canary NAME      breaks a rule on purpose; a checker has to find it
          --canaries         breaks every rule in turn: each checker has to find its own
          --trace FILE       writes everything that happens in the run to a file
          --no-shrink        does not look for a shorter run that fails
          --clients N        clients, whatever the number of nodes (8)
          --think-milliseconds N
                             between two operations of a client, on average (1000)

        Exit codes: 0 all promises held, 1 one was broken, 64 wrong use.
        """
}
