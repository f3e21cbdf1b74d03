import Model

/// The best members of those partitions that were asked for, carried over from one layout to the
/// next: a member that came or changed its weight or zone is scored, the others are not.
///
/// Each partition keeps some members beyond its holders and hand-offs. A removal takes from them;
/// only a partition that has none left is scored anew, which comes to (2 RF + 3) / 4 scores a
/// partition and removal in a long row of removals (2 RF + 3 are listed, a list lasts for 4).
/// Another replication factor scores everything that is asked for.
///
/// 250 bytes a partition for 3 copies: 16 MB where all 65,536 are in use.
struct CandidateTable: Sendable {
    private(set) var layout: Layout
    /// Scores computed since the table was made.
    private(set) var scoreCount = 0

    private var lists: [UInt16: CandidateList] = [:]
    private var rules = CandidateList.Rules()
    private var seeds: [UInt64] = []
    private var weights: [UInt32] = []
    /// Nil where nobody has the slot.
    private var nodes: [NodeID?] = []
    private var slots: [NodeID: UInt16] = [:]
    private var nextZone: UInt32 = 0

    init(_ layout: Layout) {
        self.layout = layout
        rebuild()
    }

    mutating func order(of partition: Partition) -> PartitionOrder {
        var taken: [UInt16] = []
        taken.reserveCapacity(2 * rules.replicationFactor)
        if let holderCount = lists[partition.number]?.take(into: &taken, rules) {
            return order(taken, holderCount)
        }
        var list = CandidateList()
        score(nodes.indices.filter { nodes[$0] != nil }, of: partition, into: &list)
        taken.removeAll(keepingCapacity: true)
        guard let holderCount = list.take(into: &taken, rules) else {
            preconditionFailure("a list of all members that does not tell the holders")
        }
        lists[partition.number] = list
        return order(taken, holderCount)
    }

    private func order(_ taken: [UInt16], _ holderCount: Int) -> PartitionOrder {
        PartitionOrder(
            members: taken.map { rules.places[Int($0)] }, holderCount: holderCount)
    }

    /// Goes over to another layout.
    mutating func update(to new: Layout) {
        let old = layout
        layout = new
        guard new.replicationFactor == old.replicationFactor else { return rebuild() }
        var removed: [LayoutMember] = []
        var added: [LayoutMember] = []
        for member in old.members {
            guard let now = new.member(member.node) else {
                removed.append(member)
                continue
            }
            if now.weight != member.weight || now.zone != member.zone {
                removed.append(member)
                added.append(now)
            }
        }
        for member in new.members where old.member(member.node) == nil { added.append(member) }
        remove(removed)
        add(added)
    }

    private mutating func rebuild() {
        precondition(
            layout.members.count <= Layout.memberCountMax,
            "a layout of \(layout.members.count) members")
        lists = [:]
        rules = CandidateList.Rules()
        rules.replicationFactor = layout.replicationFactor
        seeds = []
        weights = []
        nodes = []
        slots = [:]
        nextZone = 0
        add(layout.members)
    }

    private mutating func remove(_ members: [LayoutMember]) {
        guard !members.isEmpty else { return }
        var isRemoved = Array(repeating: false, count: nodes.count)
        for member in members {
            guard let slot = slots.removeValue(forKey: member.node) else { continue }
            isRemoved[Int(slot)] = true
            nodes[Int(slot)] = nil
        }
        for number in lists.keys { lists[number]?.removeAll(where: isRemoved, rules) }
    }

    private mutating func add(_ members: [LayoutMember]) {
        var zones: [String: UInt32] = [:]
        for member in layout.members where !member.zone.isEmpty {
            // A member that changes its zone has no slot at this moment.
            if let slot = slots[member.node] { zones[member.zone] = rules.zones[Int(slot)] }
        }
        var free = nodes.indices.filter { nodes[$0] == nil }
        let new = members.map { member in
            let slot = free.popLast() ?? appendSlot()
            nodes[slot] = member.node
            slots[member.node] = UInt16(slot)
            seeds[slot] = Score.seed(of: member.node)
            weights[slot] = member.weight
            if let zone = zones[member.zone], !member.zone.isEmpty {
                rules.zones[slot] = zone
            } else {
                rules.zones[slot] = nextZone
                zones[member.zone] = nextZone
                nextZone += 1
            }
            return slot
        }
        rules.memberCount = layout.members.count
        rules.zoneSizes = [:]
        for (place, member) in layout.members.enumerated() {
            guard let slot = slots[member.node] else { continue }
            rules.places[Int(slot)] = UInt16(place)
            rules.zoneSizes[rules.zones[Int(slot)], default: 0] += 1
        }
        guard !new.isEmpty else { return }
        for number in lists.keys {
            guard var list = lists.removeValue(forKey: number) else { continue }
            score(new, of: Partition(number: number), into: &list)
            lists[number] = list
        }
    }

    private mutating func appendSlot() -> Int {
        nodes.append(nil)
        seeds.append(0)
        weights.append(1)
        rules.zones.append(0)
        rules.places.append(0)
        return nodes.count - 1
    }

    private mutating func score(
        _ slots: [Int], of partition: Partition, into list: inout CandidateList
    ) {
        let logarithm = Logarithm.shared
        for slot in slots {
            let cost = Score.cost(
                seed: seeds[slot], weight: weights[slot], partition: partition,
                logarithm: logarithm)
            list.insert(cost: cost, slot: UInt16(slot), rules)
        }
        scoreCount += slots.count
    }
}
