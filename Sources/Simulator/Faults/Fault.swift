/// One thing that goes wrong, decided before the run begins: leaving one out moves no other.
struct Fault: Sendable {
    enum Action: Sendable {
        /// A byte for each host: 0 not concerned, 1 and 2 the sides.
        case cut(sides: [UInt8], forth: Bool, back: Bool)
        /// The link between two hosts goes and comes with this period.
        case flap(Int, Int, period: Nanoseconds)
        case weather(Network.Weather)
        /// So many of what names contents waits until these have come, and is overtaken by what was
        /// said after it: messages, and requests of a node to its own disk.
        case lateContents(perMille: Int)
        case slow(Int, period: Nanoseconds, awake: Nanoseconds)
        /// Killed, and started again at the fault's end.
        case kill([Int])
        /// The store is restarted on purpose, while its gateway answers probes; it is back at the
        /// fault's end.
        case restart(Int)
        case wipe(Int)
        case vanish(Int)
        /// Some contents on the disk turn bad; which, the number decides.
        case corrupt(Int, choice: UInt64)
        case full(Int)
        case failingSync(Int)
        case slowDisk(Int, latencyMax: Nanoseconds)
        /// A snapshot of the disk at the beginning comes back at the end.
        case rollback(Int)
        case clockJump(Int, by: Nanoseconds)
        case join(Int)
        /// Taken back at the fault's end, where it has a length.
        case leave(Int)
        case replicationFactor(Int, at: Int)
        case setting(Int, at: Int)
    }

    let number: Int
    var start: Nanoseconds
    var length: Nanoseconds
    var action: Action

    var end: Nanoseconds { start + length }

    var kind: String {
        switch action {
        case .cut(_, let forth, let back): forth && back ? "partition" : "one-way partition"
        case .flap: "flapping link"
        case .weather: "bad network"
        case .lateContents: "late contents"
        case .slow: "slow node"
        case .kill(let hosts): hosts.count > 1 ? "power cut" : "kill"
        case .restart: "planned restart"
        case .wipe: "wiped disk"
        case .vanish: "node gone for good"
        case .corrupt: "bad contents"
        case .full: "full disk"
        case .failingSync: "failing sync"
        case .slowDisk: "slow disk"
        case .rollback: "rolled-back disk"
        case .clockJump: "clock jump"
        case .join: "join"
        case .leave: "leave"
        case .replicationFactor: "replication factor"
        case .setting: "setting"
        }
    }

    /// Whether it only asks the cluster to rearrange itself.
    var isRearrangement: Bool {
        switch action {
        case .join, .leave, .replicationFactor, .setting: true
        default: false
        }
    }
}

extension Fault: CustomStringConvertible {
    var description: String {
        "#\(number) \(start.secondsText)..\(end.secondsText) \(kind)\(detail)"
    }

    private var detail: String {
        func name(_ host: Int) -> String { " " + HostName.text(host) }
        switch action {
        case .cut(let sides, let forth, _):
            func side(_ wanted: UInt8) -> String {
                let hosts = sides.indices.filter { sides[$0] == wanted }
                let shown = hosts.prefix(12).map(HostName.text).joined(separator: " ")
                return hosts.count > 12 ? "\(shown) and \(hosts.count - 12) more" : shown
            }
            return " [\(side(forth ? 1 : 2))] to [\(side(forth ? 2 : 1))]"
        case .flap(let a, let b, let period):
            return "\(name(a))\(name(b)) every \(period.secondsText) s"
        case .weather(let weather):
            return " loss \(weather.lossPerMille)‰, twice \(weather.duplicationPerMille)‰,"
                + " breaks \(weather.breaksPerMillion) in a million,"
                + " stalls \(weather.stallsPerMille)‰, jitter \(weather.jitter.secondsText) s"
        case .lateContents(let perMille): return " \(perMille)‰"
        case .slow(let host, let period, let awake):
            return "\(name(host)) runs \(awake.secondsText) s of \(period.secondsText) s"
        case .kill(let hosts):
            return hosts.prefix(12).map(name).joined()
                + (hosts.count > 12 ? " and \(hosts.count - 12) more" : "")
        case .slowDisk(let host, let latency): return "\(name(host)) up to \(latency.secondsText) s"
        case .clockJump(let host, let by): return "\(name(host)) by \(by.secondsText) s"
        case .replicationFactor(let factor, let host): return " \(factor) at\(name(host))"
        case .setting(let value, let host): return " \(value) at\(name(host))"
        case .wipe(let host), .vanish(let host), .full(let host), .failingSync(let host),
            .rollback(let host), .join(let host), .leave(let host), .restart(let host),
            .corrupt(let host, _):
            return name(host)
        }
    }
}
