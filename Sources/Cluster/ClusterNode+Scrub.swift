package import Model
package import Replication

/// Other disks are asked for what is damaged here.
struct DamageCheck: Sendable {
    /// What nobody who answered has a good copy of.
    var dots: [Dot]
    /// Answers that are still to come.
    var open: Int
    /// Whether somebody who might have a good copy was not reached.
    var isIncomplete = false
}

// Copies that fail their check: put into quarantine, where they count for nothing, and copied again
// from a disk that has a good one. A slow walk over all registers finds what nobody reads.
extension ClusterNode {
    mutating func scrubTick(_ turn: inout Turn) {
        // An empty disk is asked nothing.
        guard turn.now.monotonic >= upkeep.nextScrub, configuration.isStorage,
            !upkeep.areSumsKnown || !sums.all.isEmpty
        else { return }
        upkeep.nextScrub = turn.now.monotonic + ClusterLimits.scrubInterval
        ask(
            self: .scrub(after: upkeep.scrubbed, limit: ClusterLimits.scrubCountMax),
            .upkeep(.scrub), &turn)
    }

    mutating func scrubbed(
        until next: RegisterKey?, _ damaged: [DamagedVersions], _ turn: inout Turn
    ) {
        upkeep.scrubbed = next
        for versions in damaged { lookForCopies(of: versions, &turn) }
    }

    /// The own disk's contents of these versions were found not to be what was stored, and are marked so.
    ///
    /// - Parameter isKnown: whether they are in quarantine already, so that they are only looked for again.
    package mutating func foundDamage(
        _ versions: DamagedVersions, isKnown: Bool, _ now: Now,
        using generator: inout SplitMix64, into directives: inout [NodeDirective]
    ) {
        guard phase == .running else { return }
        var turn = Turn(now: now, generator: generator, directives: [])
        if isKnown {
            lookForCopies(of: versions, &turn)
        } else {
            ask(
                self: .quarantine(versions.key, versions.dots), .upkeep(.quarantined(versions)),
                &turn)
        }
        generator = turn.generator
        directives += turn.directives
    }

    /// What an answer of the own disk says of its copies.
    mutating func noteDamage(_ outcome: ReplicaOutcome, _ turn: inout Turn) {
        guard !configuration.canaries.contains(.missesDamage) else { return }
        for found in outcome.damaged {
            ask(self: .quarantine(found.key, found.dots), .upkeep(.quarantined(found)), &turn)
        }
        for key in outcome.repaired {
            upkeep.lossesSaid[key] = nil
            turn.directives.append(.notice(.repaired(key.path)))
        }
    }

    mutating func quarantined(_ versions: DamagedVersions, _ turn: inout Turn) {
        turn.directives.append(.notice(.damaged(versions.key.path)))
        lookForCopies(of: versions, &turn)
    }

    /// Asks everybody who may have a good copy of what is damaged here. (Comparisons bring it as
    /// well; where nobody has one, they would not say so.)
    private mutating func lookForCopies(of versions: DamagedVersions, _ turn: inout Turn) {
        let key = versions.key
        guard upkeep.damageChecks[key] == nil,
            upkeep.damageChecks.count < ClusterLimits.damageChecksMax
        else { return }
        let targets = readTargets(for: key.partition)
        let own = configuration.node
        let others = Set((targets.holders + targets.handOffs).map(\.node)).subtracting([own])
        let reachable = others.filter(isReachable).sorted()
        let check = DamageCheck(
            dots: versions.dots, open: reachable.count,
            isIncomplete: reachable.count < others.count)
        guard !reachable.isEmpty else { return ended(check, of: key, &turn) }
        upkeep.damageChecks[key] = check
        for node in reachable {
            ask(
                node,
                .fetch(key.partition, [ItemKey(key.fingerprint)], withUnsettled: false),
                layouts: nil, timeout: ClusterLimits.backgroundTimeout, .damage(key), &turn)
        }
    }

    mutating func resumeDamage(_ key: RegisterKey, _ answer: Answer, _ turn: inout Turn) {
        guard var check = upkeep.damageChecks[key] else { return }
        check.open -= 1
        if case .replica(.fetched(let registers, _, _, _)) = answer {
            let items = registers.filter { $0.key == key }
            let found = check.dots.filter { dot in
                items.contains { $0.register.hasContent(of: dot) }
            }
            check.dots.removeAll { found.contains($0) }
            if !found.isEmpty {
                // Without their context: what they have not is no reason to remove anything here.
                ask(
                    self: .merge(key.partition, items, [], theirs: PartitionContext(), .holder),
                    .nothing, &turn)
            }
        } else {
            check.isIncomplete = true
        }
        upkeep.damageChecks[key] = check.open > 0 ? check : nil
        if check.open == 0 { ended(check, of: key, &turn) }
    }

    private mutating func ended(_ check: DamageCheck, of key: RegisterKey, _ turn: inout Turn) {
        if check.isIncomplete || check.dots.isEmpty { return }
        let now = turn.now.monotonic
        if let said = upkeep.lossesSaid[key], now - said < ClusterLimits.lossInterval { return }
        if upkeep.lossesSaid.count >= ClusterLimits.lossesMax { upkeep.lossesSaid = [:] }
        upkeep.lossesSaid[key] = now
        turn.directives.append(.notice(.noGoodCopy(key.path)))
    }
}
