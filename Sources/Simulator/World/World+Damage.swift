import Cluster
import Model
import Replication

// Contents that turn bad on a disk that goes on working: each a copy that is lost.
extension World {
    /// Copies that turned bad a short time ago: an acknowledgement under way may count them.
    struct Damage {
        let time: Nanoseconds
        /// The number of the disk.
        let disk: Int
        let key: RegisterKey
        let dots: [Dot]
    }

    /// Registers of which contents turn bad at a time, at most.
    private static let damagedRegistersMax: Int64 = 3

    /// Lets some contents of the disk turn bad, of which there are good copies on disks that stay.
    /// - Returns: whether there were any.
    mutating func damage(_ host: Int, _ choice: UInt64) -> Bool {
        guard hosts[host].isMember, !hosts[host].isLeaving else { return false }
        var generator = SplitMix64(seed: choice)
        var candidates = registersWithContent(of: host)
        candidates.shuffle(using: &generator)
        let wanted = generator.draw(1...World.damagedRegistersMax)
        var count: Int64 = 0
        for item in candidates where count < wanted {
            var dots = item.register.contentDots
            // One version, or the whole register.
            if let head = item.register.head, head.value.facts != nil,
                generator.chance(perMille: 500)
            {
                dots = [head.dot]
            }
            guard dots.allSatisfy({ hasGoodCopyElsewhere(of: $0, at: item.key, than: host) }) else {
                continue
            }
            damage(host, item.key, dots)
            count += 1
        }
        return count > 0
    }

    private func registersWithContent(of host: Int) -> [KeyedRegister] {
        let tables = hosts[host].synced.tables
        return tables.partitions.flatMap { tables.contents(of: $0).0 }
            .filter { !$0.register.contentDots.isEmpty }
    }

    private mutating func damage(_ host: Int, _ key: RegisterKey, _ dots: [Dot]) {
        trace.add(
            now,
            "\(HostName.text(host)): \(key.path) turns bad in"
                + " \(dots.map(\.shortText).joined(separator: " "))")
        hosts[host].synced.tables.corrupt(key, dots)
        hosts[host].written.tables.corrupt(key, dots)
        damages.append(Damage(time: now, disk: hosts[host].disk, key: key, dots: dots))
        lossesOpen += 1
    }

    private mutating func hasGoodCopyElsewhere(
        of dot: Dot, at key: RegisterKey, than host: Int
    ) -> Bool {
        hosts.indices.contains { other in
            other != host && hosts[other].synced.hasGoodContent(of: dot, at: key)
                && keepsPartition(other, key.partition)
        }
    }

    /// What nobody has found yet included.
    var hasDamage: Bool { hosts.contains { $0.isMember && $0.synced.hasDamage } }

    var damageText: [String] {
        hosts.filter { $0.isMember && $0.synced.hasDamage }.map { host in
            let paths = host.synced.tables.badContents.map { "\($0.key.path)" }
            return "\(HostName.text(host.number)) has bad contents: "
                + paths.joined(separator: " ")
        }
    }

    /// Whether the copy turned bad too lately to be held against whoever counted it.
    func wasJustDamaged(_ dot: Dot, at key: RegisterKey, on disk: Int) -> Bool {
        damages.contains { $0.disk == disk && $0.key == key && $0.dots.contains(dot) }
    }
}

extension Register {
    /// The committed versions that have content.
    fileprivate var contentDots: [Dot] {
        (kept.map(\.version) + (head.map { [$0] } ?? [])).filter { $0.value.facts != nil }
            .map(\.dot)
    }
}

extension NodeDisk {
    var hasDamage: Bool {
        if !tables.badContents.isEmpty { return true }
        return tables.partitions.contains { partition in
            tables.contents(of: partition).0.contains { !$0.register.damaged.isEmpty }
        }
    }

    /// Versions of the register of which there is no good copy here, whether that is known or not.
    func damagedDots(at key: RegisterKey) -> [Dot] {
        tables.badContents(of: key) + (tables.register(key)?.damaged ?? [])
    }

    func hasGoodContent(of dot: Dot, at key: RegisterKey) -> Bool {
        tables.register(key)?.contains(dot) == true && !damagedDots(at: key).contains(dot)
    }

    /// Whether the version's content itself is here; of a deletion, that it is known.
    func keeps(_ version: RegisterVersion, at key: RegisterKey) -> Bool {
        let isKnown = tables.state(of: key.partition).context.contains(version.dot)
        guard let register = tables.register(key) else {
            return isKnown && version.value.facts == nil
        }
        if version.value.facts == nil, isKnown { return true }
        if register.ballot?.accepted?.version.dot == version.dot { return true }
        let bad = damagedDots(at: key)
        if register.contains(version.dot) { return !bad.contains(version.dot) }
        return register.version(of: version.operation).map { !bad.contains($0.dot) } ?? false
    }
}
