import Cluster

/// What nodes hold in memory stays bounded, and a cluster that has nothing to do says little.
struct BoundedMemoryAndMessages {
    static let name = "BoundedMemoryAndMessages"

    /// Of each count that a node names.
    static let sizeMax = 4096
    /// Requests at one disk that are not durable yet.
    static let pendingMax = 20_000
    /// Messages on their way, a node.
    static let underWayMax = 4000
    /// Messages a node and second when nobody asks for anything: probes and their answers are
    /// some six, gossip two, comparisons and audits with their answers some ten.
    static let idleRateMax = 40.0

    private var largest = 0
    private(set) var highest: [(name: String, count: Int)] = []

    mutating func sampled(
        _ host: Int, _ sizes: [(name: String, count: Int)], pendingCount: Int,
        at time: Nanoseconds
    ) -> Violation? {
        for size in sizes {
            note(size.name, size.count)
            if size.count > Self.sizeMax {
                return Violation(
                    Self.name, at: time, "\(HostName.text(host)): \(size.count) \(size.name)")
            }
        }
        note("writes not durable yet", pendingCount)
        guard pendingCount > Self.pendingMax else { return nil }
        return Violation(
            Self.name, at: time,
            "\(HostName.text(host)): \(pendingCount) writes not durable yet")
    }

    mutating func sent(_ message: PeerMessage, by host: Int, at time: Nanoseconds) -> Violation? {
        let byteCount = message.byteCount
        if byteCount > largest {
            largest = byteCount
            note("bytes in a message", byteCount)
        }
        guard byteCount > ClusterLimits.messageByteCountMax else { return nil }
        return Violation(
            Self.name, at: time,
            "\(HostName.text(host)) sends \(byteCount) bytes in one \(message.kind)")
    }

    mutating func underWay(
        _ count: Int, nodeCount: Int, at time: Nanoseconds
    ) -> Violation? {
        note("messages under way", count)
        guard count > Self.underWayMax * max(1, nodeCount) else { return nil }
        return Violation(Self.name, at: time, "\(count) messages under way")
    }

    private mutating func note(_ name: String, _ count: Int) {
        if let index = highest.firstIndex(where: { $0.name == name }) {
            highest[index].count = max(highest[index].count, count)
        } else {
            highest.append((name, count))
        }
    }

    static func idle(_ statistics: Statistics, _ time: Nanoseconds) -> Violation? {
        guard statistics.idleMessageRate > idleRateMax else { return nil }
        return Violation(
            name, at: time,
            "an idle node sends \(Int(statistics.idleMessageRate)) messages a second")
    }
}
