/// A node that dies is known dead by all others in bounded time, and one that lives is not called
/// dead on a network that loses at most the usual few datagrams; nor is one whose store restarts on
/// purpose, for as long as its stand-in answers.
struct DeadIsKnown {
    static let name = "DeadIsKnown"

    private struct Death {
        let host: Int
        let time: Nanoseconds
        /// By host: who does not take it for alive.
        var heard: [Bool]
        /// When all had heard.
        var known: Nanoseconds?
        /// Whether nobody else died or started shortly before, or until all had heard.
        var isAlone: Bool
        var isCounted = false
    }

    /// A death counts for the report's times if the node stays dead for so long, however soon it is
    /// known, and if nothing else happened for as long before.
    private static let countedAfter = Nanoseconds.seconds(40)
    private var lastChange = -DeadIsKnown.countedAfter

    private let capacity: Int
    /// A single death on a network without other faults must be known by then.
    private let timeMax: Nanoseconds
    private let isDeathBounded: Bool
    private let isFalseDeathForbidden: Bool
    private let isRestartDeathForbidden: Bool
    private var deaths: [Death] = []
    private(set) var detectionTimes: [Nanoseconds] = []
    private(set) var falseDeathCount = 0
    private var falseDeath: (of: Int, by: Int, at: Nanoseconds)?
    private var restartDeath: (of: Int, by: Int, at: Nanoseconds)?

    init(_ options: SimulationOptions) {
        capacity = options.nodeCount + FaultSchedule.joinersMax
        // Well above the 99th percentile that the report shows (8 s at 10 nodes, 20 s at 1,000).
        timeMax = options.nodeCount <= 100 ? .seconds(20) : .seconds(40)
        isDeathBounded = options.faults.isSubset(of: .kills)
        isFalseDeathForbidden = options.faults.isSubset(of: .drizzle)
        isRestartDeathForbidden = options.faults.isSubset(of: [.drizzle, .kills, .membership])
    }

    mutating func died(_ host: Int, at time: Nanoseconds) {
        disturb()
        deaths.append(
            Death(
                host: host, time: time, heard: Array(repeating: false, count: capacity),
                isAlone: time - lastChange >= Self.countedAfter))
        lastChange = time
    }

    private mutating func disturb() {
        for index in deaths.indices where deaths[index].known == nil {
            deaths[index].isAlone = false
        }
    }

    /// Who starts after a death takes the dead node for nothing, until it hears that it is alive.
    mutating func started(_ host: Int, at time: Nanoseconds) {
        deaths.removeAll { $0.host == host }
        disturb()
        lastChange = time
        for index in deaths.indices { deaths[index].heard[host] = true }
    }

    mutating func heard(
        by witness: Int, of host: Int, state: String, at time: Nanoseconds, isUp: Bool,
        isRestarting: Bool = false
    ) {
        if isRestarting, state == "dead", restartDeath == nil {
            restartDeath = (host, witness, time)
        }
        if isUp {
            guard state == "dead" else { return }
            falseDeathCount += 1
            if falseDeath == nil { falseDeath = (host, witness, time) }
            return
        }
        guard let index = deaths.firstIndex(where: { $0.host == host }) else { return }
        switch state {
        case "dead": deaths[index].heard[witness] = true
        case "alive": deaths[index].heard[witness] = false
        default: break
        }
    }

    /// Called often: notes deaths that everybody who is up has heard of by now.
    mutating func look(up: [Int], at time: Nanoseconds) -> Violation? {
        if isFalseDeathForbidden, let falseDeath {
            return Violation(
                Self.name, at: falseDeath.at,
                "\(HostName.text(falseDeath.by)) calls \(HostName.text(falseDeath.of)) dead,"
                    + " which is well")
        }
        if isRestartDeathForbidden, let restartDeath {
            return Violation(
                Self.name, at: restartDeath.at,
                "\(HostName.text(restartDeath.by)) calls \(HostName.text(restartDeath.of)) dead,"
                    + " whose store restarts as planned")
        }
        for index in deaths.indices {
            if deaths[index].known == nil, up.allSatisfy({ deaths[index].heard[$0] }) {
                deaths[index].known = time
            }
            let death = deaths[index]
            guard death.isAlone, !death.isCounted, let known = death.known,
                time - death.time >= Self.countedAfter
            else { continue }
            deaths[index].isCounted = true
            detectionTimes.append(known - death.time)
        }
        guard isDeathBounded, deaths.count == 1, let death = deaths.first, death.known == nil,
            time - death.time > timeMax
        else { return nil }
        return Violation(
            Self.name, at: time,
            "\(HostName.text(death.host)) died at \(death.time.secondsText);"
                + " \(up.count { death.heard[$0] }) of \(up.count) nodes know")
    }
}
