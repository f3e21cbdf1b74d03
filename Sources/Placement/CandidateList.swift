/// A member in a partition's list.
struct Candidate: Sendable {
    var cost: UInt64
    /// The member's place in the table, kept while it stays a member.
    var slot: UInt16
    /// Members of the same zone that come after this one may be missing from the list.
    var isCut: Bool
}

/// The best members of one partition: enough of them to tell the holders and hand-offs, and some to
/// spare.
///
/// Sorted by cost, then by name. A member of the layout that is missing has a cost of `bound` or
/// more, or comes after a listed one of its zone that `isCut`. So what is missing is known to be
/// worse than what is listed, through any row of additions and removals; `take` says so when that no
/// longer suffices.
struct CandidateList: Sendable {
    private(set) var candidates: [Candidate] = []
    private(set) var bound = UInt64.max

    /// What the lists of a table share.
    struct Rules: Sendable {
        var replicationFactor = 0
        /// By slot. Never used again for another zone.
        var zones: [UInt32] = []
        /// By slot, for ties: the place in the layout, which is sorted by name.
        var places: [UInt16] = []
        var memberCount = 0
        /// Members of each zone.
        var zoneSizes: [UInt32: Int] = [:]

        /// Zones in a list: enough for holders and hand-offs after `spareCount` removals.
        var zonesListed: Int { 2 * replicationFactor + PlacementLimits.spareCount }
        /// Members of one zone in a list: they could be all holders and hand-offs alone.
        var listedPerZone: Int { 2 * replicationFactor + PlacementLimits.spareCount }
    }

    private func comesBefore(_ a: Candidate, _ b: Candidate, _ rules: Rules) -> Bool {
        a.cost != b.cost
            ? a.cost < b.cost : rules.places[Int(a.slot)] < rules.places[Int(b.slot)]
    }

    /// A member came.
    mutating func insert(cost: UInt64, slot: UInt16, _ rules: Rules) {
        guard cost < bound else { return }
        let new = Candidate(cost: cost, slot: slot, isCut: false)
        let zone = rules.zones[Int(slot)]
        var place = 0
        var neighbours = 0
        for (index, listed) in candidates.enumerated() {
            if comesBefore(listed, new, rules) { place = index + 1 }
            guard rules.zones[Int(listed.slot)] == zone else { continue }
            if listed.isCut, listed.cost < cost { return }
            neighbours += 1
        }
        candidates.insert(new, at: place)
        if neighbours + 1 > rules.listedPerZone {
            remove(at: lastPlace(ofZone: zone, before: candidates.count, rules) ?? place)
            if let last = lastPlace(ofZone: zone, before: candidates.count, rules) {
                candidates[last].isCut = true
            }
        }
        while candidates.count > rules.zonesListed, hasSpareLast(rules) {
            cutOff(at: candidates[candidates.count - 1].cost)
        }
    }

    /// Members went: those whose slots say so.
    mutating func removeAll(where isRemoved: [Bool], _ rules: Rules) {
        var place = candidates.count - 1
        while place >= 0 {
            defer { place -= 1 }
            guard place < candidates.count else { continue }
            let gone = candidates[place]
            guard isRemoved[Int(gone.slot)] else { continue }
            remove(at: place)
            guard gone.isCut else { continue }
            let zone = rules.zones[Int(gone.slot)]
            if let last = lastPlace(ofZone: zone, before: place, rules) {
                candidates[last].isCut = true
            } else {
                cutOff(at: gone.cost)
            }
        }
    }

    private mutating func remove(at place: Int) { candidates.remove(at: place) }

    private mutating func cutOff(at cost: UInt64) {
        bound = min(bound, cost)
        while let last = candidates.last, last.cost >= bound { candidates.removeLast() }
    }

    private func lastPlace(ofZone zone: UInt32, before end: Int, _ rules: Rules) -> Int? {
        candidates[..<end].lastIndex { rules.zones[Int($0.slot)] == zone }
    }

    /// Whether the list has zones enough without its last member.
    private func hasSpareLast(_ rules: Rules) -> Bool {
        var distinct = 0
        for (index, candidate) in candidates.dropLast().enumerated() {
            let zone = rules.zones[Int(candidate.slot)]
            if !candidates[..<index].contains(where: { rules.zones[Int($0.slot)] == zone }) {
                distinct += 1
            }
        }
        return distinct >= rules.zonesListed
    }

    /// The slots of the holders, best first, and then of the hand-offs, into `taken`, which is empty:
    /// each time the best of each zone, then the best of all that are left.
    ///
    /// - Returns: how many are holders; nil where a missing member might be one of them.
    func take(into taken: inout [UInt16], _ rules: Rules) -> Int? {
        let holderCount = min(rules.replicationFactor, rules.memberCount)
        guard take(holderCount, into: &taken, rules),
            take(min(holderCount, rules.memberCount - holderCount), into: &taken, rules)
        else { return nil }
        return holderCount
    }

    /// `count` more, among those that are not taken.
    private func take(_ count: Int, into taken: inout [UInt16], _ rules: Rules) -> Bool {
        let before = taken.count
        let end = before + count
        func isNew(_ zone: UInt32, _ taken: [UInt16]) -> Bool {
            !taken[before...].contains { rules.zones[Int($0)] == zone }
        }
        for candidate in candidates where taken.count < end {
            let zone = rules.zones[Int(candidate.slot)]
            if !taken.contains(candidate.slot), isNew(zone, taken) { taken.append(candidate.slot) }
            // The next of this zone is missing, and nothing says where it would come.
            if candidate.isCut, taken.count < end, isNew(zone, taken) { return false }
        }
        guard taken.count < end else { return true }
        // Another zone comes before a second member of this one.
        guard taken.count - before == zonesLeft(without: taken[..<before], rules) else {
            return false
        }
        let first = taken.count
        var isCut = false
        for candidate in candidates where taken.count < end {
            if !taken[..<first].contains(candidate.slot) {
                if isCut { return false }
                taken.append(candidate.slot)
            }
            isCut = isCut || candidate.isCut
        }
        return taken.count == end
    }

    /// Zones that have members beside those taken.
    private func zonesLeft(without taken: ArraySlice<UInt16>, _ rules: Rules) -> Int {
        var left = rules.zoneSizes.count
        for (index, slot) in taken.enumerated() {
            let zone = rules.zones[Int(slot)]
            let isSame: (UInt16) -> Bool = { rules.zones[Int($0)] == zone }
            guard !taken.prefix(index).contains(where: isSame) else { continue }
            if taken.count(where: isSame) == rules.zoneSizes[zone] { left -= 1 }
        }
        return left
    }
}
