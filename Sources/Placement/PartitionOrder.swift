import Model

/// Who holds a partition, and who stands in: places in the layout's `members`.
package struct PartitionOrder: Hashable, Sendable {
    /// The holders, best first, then the hand-offs, best first.
    package let members: [UInt16]
    package let holderCount: Int

    package var holders: ArraySlice<UInt16> { members[..<holderCount] }

    /// Who takes a write in place of a holder that is away, in this order.
    package var handOffs: ArraySlice<UInt16> { members[holderCount...] }
}
