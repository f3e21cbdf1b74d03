/// One of the 65,536 parts into which paths are divided for placement.
package struct Partition: Hashable, Comparable, Sendable {
    package let number: UInt16

    package static let count = 65_536

    package init(number: UInt16) { self.number = number }

    /// The partition of a path: the top 16 bits of FNV-1a (64 bit) over its bytes, finished with
    /// MurmurHash3's 64-bit mixer (FNV alone is weak in its high bits for short paths). Written to
    /// disk and agreed between nodes: it can never change.
    package init(of path: StorePath) {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in path.bytes { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        hash = (hash ^ (hash >> 33)) &* 0xff51_afd7_ed55_8ccd
        hash = (hash ^ (hash >> 33)) &* 0xc4ce_b9fe_1a85_ec53
        hash ^= hash >> 33
        number = UInt16(truncatingIfNeeded: hash >> 48)
    }

    package static func < (a: Partition, b: Partition) -> Bool { a.number < b.number }
}
