package import Cluster
package import Replication

/// Which kinds of faults a run may have.
package struct FaultKinds: OptionSet, Hashable, Sendable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    /// Datagrams lost, doubled, late; connections that break and stall.
    package static let loss = FaultKinds(rawValue: 1 << 0)
    /// Cuts between groups, one way or both, and links that flap.
    package static let partitions = FaultKinds(rawValue: 1 << 1)
    /// Nodes that get little CPU, or none for a while.
    package static let slow = FaultKinds(rawValue: 1 << 2)
    package static let kills = FaultKinds(rawValue: 1 << 3)
    /// Disks wiped, gone for good, full, slow, and syncs that fail.
    package static let disks = FaultKinds(rawValue: 1 << 4)
    package static let clocks = FaultKinds(rawValue: 1 << 5)
    /// Joins, leaves, changes of the replication factor and of settings.
    package static let membership = FaultKinds(rawValue: 1 << 6)
    /// A disk comes back as it was some time ago, under its old id.
    package static let rollback = FaultKinds(rawValue: 1 << 7)

    /// A network that loses one datagram in twenty, from beginning to end, and nothing else.
    package static let drizzle = FaultKinds(rawValue: 1 << 8)

    package static let all: FaultKinds = [
        .loss, .partitions, .slow, .kills, .disks, .clocks, .membership, .rollback,
    ]

    static let names: [(String, FaultKinds)] = [
        ("loss", .loss), ("partitions", .partitions), ("slow", .slow), ("kills", .kills),
        ("disks", .disks), ("clocks", .clocks), ("membership", .membership),
        ("rollback", .rollback), ("drizzle", .drizzle),
    ]

    /// `none`, `all`, or names with commas between them; nil where one is unknown.
    package init?(_ text: String) {
        var kinds: FaultKinds = []
        for word in text.split(separator: ",", omittingEmptySubsequences: false) {
            if word == "none" { continue }
            if word == "all" {
                kinds.formUnion(.all)
            } else if let known = FaultKinds.names.first(where: { $0.0 == word }) {
                kinds.insert(known.1)
            } else {
                return nil
            }
        }
        self = kinds
    }

    package var text: String {
        if isEmpty { return "none" }
        if self == .all { return "all" }
        return FaultKinds.names.filter { contains($0.1) }.map(\.0).joined(separator: ",")
    }
}

/// All that decides a run, beside what the shrinker leaves out.
package struct SimulationOptions: Sendable {
    package var nodeCount = 5
    package var seed: UInt64 = 1
    /// How long faults and clients go on; the settling at the end comes on top.
    package var length: Nanoseconds = .seconds(300)
    package var faults: FaultKinds = .all
    package var policy = WritePolicy.available
    package var replicationFactor = 3
    /// How long a dead node stays in the layout; nil for what goes with the cluster's size.
    package var graceBeforeOut: Nanoseconds?
    package var canaries: Canaries = []
    /// Disks answer some changes before they are durable; what the nodes say because of it is held back until then.
    package var answersAhead = false
    /// Clients; they do not grow with the cluster.
    package var clientCount = 8
    /// Between two operations of one client, on average.
    package var thinkTime: Nanoseconds = .seconds(1)
    /// How long the cluster may take to settle once all faults are over; nil for what goes with its
    /// size.
    package var settleTime: Nanoseconds?

    /// How long nodes keep superseded versions, checkers count on it being longer than a run.
    package var retention: Nanoseconds = .seconds(7 * 86_400)
    /// Ends a run when a promise is broken; else it goes on, to see which others break.
    package var stopsAtViolation = true

    package init() {}

    /// Faults come as often in a large cluster as in a small one, but for those that concern all of
    /// it: a change of the layout, which a thousand nodes take half a minute for, and the loss of
    /// half of them at a time.
    var isLarge: Bool { nodeCount > 100 }

    /// How many times rarer such faults are.
    var rarity: Int64 { 1 + Int64(nodeCount) / 250 }

    /// A large cluster waits longer: a restart of some of it should move nothing.
    var grace: Nanoseconds { graceBeforeOut ?? (isLarge ? .seconds(120) : .seconds(30)) }

    /// Four times the grace: in it who went last is known dead and taken out, and the layout
    /// without it is taken over.
    var settlingMax: Nanoseconds { settleTime ?? 4 * grace }

    /// Clients that take locks, beside the others: in one run of three.
    var lockClientCount: Int {
        clientCount > 0 && seed % LockWorkload.period == 0 ? LockWorkload.clientCount : 0
    }

    /// What an operator sets when the cluster has formed.
    var settings: [(key: String, value: String)] {
        func time(_ key: ClusterSettings.Key, _ value: Nanoseconds) -> (String, String) {
            let seconds = value / .seconds(1)
            let unit = key.unit.rawValue
            guard key.unit == .day else { return (key.rawValue, String(seconds)) }
            // Five digits of a day are about a second.
            let fraction = String(100_000 + seconds % unit * 100_000 / unit).dropFirst()
            return (key.rawValue, "\(seconds / unit).\(fraction)")
        }
        return [
            (ClusterSettings.policyKey, policy.rawValue),
            time(.graceBeforeOut, grace), time(.trashDays, retention),
        ]
    }
}

extension Canaries {
    package static let names: [(String, Canaries)] = [
        ("acknowledgesEarly", .acknowledgesEarly), ("skipsReadCheck", .skipsReadCheck),
        ("restartsUnsaid", .restartsUnsaid),
        ("leavesAtOnce", .leavesAtOnce),
        ("trustsOldDisks", .trustsOldDisks),
        ("skipsBallots", .skipsBallots), ("ignoresContexts", .ignoresContexts),
        ("distrustsReturning", .distrustsReturning), ("neverReconciles", .neverReconciles),
        ("neverMoves", .neverMoves), ("dropsUnconfirmed", .dropsUnconfirmed),
        ("forgetsEntries", .forgetsEntries), ("forgetsMoves", .forgetsMoves),
        ("movesEverything", .movesEverything),
        ("dropsLosers", .dropsLosers), ("repeatsForever", .repeatsForever),
        ("forgetsLocks", .forgetsLocks), ("ignoresLocks", .ignoresLocks),
        ("keepsOldSettings", .keepsOldSettings), ("neverDeclaresDead", .neverDeclaresDead),
        ("suspectsNobody", .suspectsNobody),
        ("callsAllExact", .callsAllExact), ("hidesShadowedFiles", .hidesShadowedFiles),
        ("skipsPathChecks", .skipsPathChecks),
        ("callsAllExact", .callsAllExact),
        ("missesDamage", .missesDamage), ("leaksAhead", .leaksAhead),
        ("skipsNames", .skipsNames), ("removesFullDirectories", .removesFullDirectories),
    ]

    static func names(of canaries: Canaries) -> String {
        names.filter { canaries.contains($0.1) }.map(\.0).joined(separator: ",")
    }

    package init?(name: String) {
        guard let known = Canaries.names.first(where: { $0.0 == name }) else { return nil }
        self = known.1
    }
}
