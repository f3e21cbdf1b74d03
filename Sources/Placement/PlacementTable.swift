package import Model

/// The holders of all 65,536 partitions under one layout, carried over to the next one: a member
/// that came or changed its weight or zone is scored, the others are not.
///
/// Each partition keeps its best members beyond the holders. A removal takes from them; only a
/// partition that has none left is scored anew, which comes to (RF + 3) / 4 scores a partition and
/// removal in a long row of removals (RF + 3 are listed, a list lasts for 4). Another replication
/// factor scores everything.
///
/// About 6 MB for 3 copies. Equal to `Placement` of the same layout, however it came about.
package struct PlacementTable: Sendable {
    package private(set) var layout: Layout
    /// Scores computed since the table was made.
    package private(set) var scoreCount = 0
    /// Partitions scored anew because their lists ran out, since the table was made.
    private(set) var rescoredCount = 0

    private var lists: [CandidateList] = []
    private var rules = CandidateList.Rules()
    private var seeds: [UInt64] = []
    private var weights: [UInt32] = []
    /// Nil where nobody has the slot.
    private var nodes: [NodeID?] = []
    private var slots: [NodeID: UInt16] = [:]
    private var nextZone: UInt32 = 0
    /// Places in the layout's `members`, `holderCount` for each partition.
    private var holders: [UInt16] = []

    private let partitionCount: Int

    package init(_ layout: Layout) { self.init(layout, partitionCount: Partition.count) }

    /// A table of the first partitions, for tests.
    init(_ layout: Layout, partitionCount: Int) {
        self.layout = layout
        self.partitionCount = partitionCount
        rebuild(layout)
    }

    /// How many copies of each partition there are under this layout.
    package var holderCount: Int { min(layout.replicationFactor, layout.members.count) }

    /// The holders of `partition`, best first, as places in the layout's `members`.
    package func holders(of partition: Partition) -> ArraySlice<UInt16> {
        let start = Int(partition.number) * holderCount
        return holders[start..<start + holderCount]
    }

    /// The holders of `partition`, best first.
    package func holdingMembers(of partition: Partition) -> [LayoutMember] {
        holders(of: partition).map { layout.members[Int($0)] }
    }

    /// Goes over to another layout.
    package mutating func update(to new: Layout) {
        guard new.replicationFactor == layout.replicationFactor else { return rebuild(new) }
        let old = layout
        layout = new
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
        takeHolders()
    }

    private mutating func rebuild(_ new: Layout) {
        precondition(
            new.members.count <= Layout.memberCountMax, "a layout of \(new.members.count) members")
        layout = new
        lists = Array(repeating: CandidateList(), count: partitionCount)
        rules = CandidateList.Rules()
        rules.replicationFactor = new.replicationFactor
        seeds = []
        weights = []
        nodes = []
        slots = [:]
        add(new.members)
        takeHolders()
    }

    private mutating func remove(_ members: [LayoutMember]) {
        guard !members.isEmpty else { return }
        var isRemoved = Array(repeating: false, count: nodes.count)
        for member in members {
            guard let slot = slots.removeValue(forKey: member.node) else { continue }
            isRemoved[Int(slot)] = true
            nodes[Int(slot)] = nil
        }
        for index in lists.indices { lists[index].removeAll(where: isRemoved, rules) }
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
        for (place, member) in layout.members.enumerated() {
            if let slot = slots[member.node] { rules.places[Int(slot)] = UInt16(place) }
        }
        rules.memberCount = layout.members.count
        rules.zoneCount = Set(slots.values.map { rules.zones[Int($0)] }).count
        for index in lists.indices { score(new, in: index) }
    }

    private mutating func appendSlot() -> Int {
        nodes.append(nil)
        seeds.append(0)
        weights.append(1)
        rules.zones.append(0)
        rules.places.append(0)
        return nodes.count - 1
    }

    /// Scores the members of `slots` for the partition of number `index`.
    private mutating func score(_ slots: [Int], in index: Int) {
        let logarithm = Logarithm.shared
        let partition = Partition(number: UInt16(index))
        for slot in slots {
            let cost = Score.cost(
                seed: seeds[slot], weight: weights[slot], partition: partition,
                logarithm: logarithm)
            lists[index].insert(cost: cost, slot: UInt16(slot), rules)
        }
        scoreCount += slots.count
    }

    private mutating func takeHolders() {
        holders = []
        holders.reserveCapacity(partitionCount * holderCount)
        var taken: [UInt16] = []
        for index in lists.indices {
            taken.removeAll(keepingCapacity: true)
            if !lists[index].take(into: &taken, rules) {
                rescoredCount += 1
                lists[index] = CandidateList()
                score(nodes.indices.filter { nodes[$0] != nil }, in: index)
                taken.removeAll(keepingCapacity: true)
                let isTold = lists[index].take(into: &taken, rules)
                precondition(isTold, "a list of all members that does not tell the holders")
            }
            for slot in taken { holders.append(rules.places[Int(slot)]) }
        }
    }
}
