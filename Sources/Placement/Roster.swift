import Model

/// What scoring needs of a layout's members, as numbers beside each other.
struct Roster: Sendable {
    let seeds: [UInt64]
    let weights: [UInt32]
    /// A number for each zone. A member that names none stands alone.
    let zones: [UInt16]
    let zoneCount: Int

    init(_ members: [LayoutMember]) {
        precondition(
            members.count <= Layout.memberCountMax, "a layout of \(members.count) members")
        seeds = members.map { Score.seed(of: $0.node) }
        weights = members.map(\.weight)
        var numbers: [String: UInt16] = [:]
        var next: UInt16 = 0
        zones = members.map { member in
            if let known = numbers[member.zone], !member.zone.isEmpty { return known }
            numbers[member.zone] = next
            next += 1
            return next - 1
        }
        zoneCount = Int(next)
    }

    var count: Int { seeds.count }
}

/// Who holds a partition, and who stands in: places in the layout's `members`.
package struct PartitionOrder: Hashable, Sendable {
    /// The holders, best first, then the hand-offs, best first.
    package let members: [UInt16]
    package let holderCount: Int

    package var holders: ArraySlice<UInt16> { members[..<holderCount] }

    /// Who takes a write in place of a holder that is away, in this order.
    package var handOffs: ArraySlice<UInt16> { members[holderCount...] }
}
