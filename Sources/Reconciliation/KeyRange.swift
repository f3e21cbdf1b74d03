package import Model

/// The keys that begin with the same `bitCount` bits.
package struct KeyRange: Hashable, Sendable {
    /// The least key of the range: its bits below the first `bitCount` are zero.
    package let lower: UInt64
    package let bitCount: Int

    package static let whole = KeyRange(lower: 0, bitCount: 0)

    init(lower: UInt64, bitCount: Int) {
        self.lower = lower
        self.bitCount = bitCount
    }

    /// The range of all keys of one partition.
    package init(_ partition: Partition) {
        self.init(lower: UInt64(partition.number) << 48, bitCount: 16)
    }

    package var upper: UInt64 { bitCount == 64 ? lower : lower | .max >> UInt64(bitCount) }

    package var keys: ClosedRange<UInt64> { lower...upper }

    /// The partitions that the range touches; one where it has 16 bits or more.
    package var partitions: ClosedRange<UInt16> {
        UInt16(lower >> 48)...UInt16(upper >> 48)
    }

    /// The number of the range among those of its bit count.
    var index: UInt64 { bitCount == 0 ? 0 : lower >> UInt64(64 - bitCount) }

    /// The `index`th of the 2^`bits` parts of the range.
    func child(_ index: Int, bits: Int) -> KeyRange {
        let depth = bitCount + bits
        return KeyRange(lower: lower | UInt64(index) << UInt64(64 - depth), bitCount: depth)
    }
}

/// The entries of one key as one: the key and the sum of their fingerprints.
package struct ReconciliationItem: Hashable, Sendable {
    package var key: UInt64
    package var fingerprint: Fingerprint

    /// Where an entry stands among all: its partition above 48 bits of its path's fingerprint.
    /// Paths may share a key.
    package static func key(partition: Partition, path: Fingerprint) -> UInt64 {
        UInt64(partition.number) << 48 | path.high >> 16
    }

    package init(key: UInt64, fingerprint: Fingerprint) {
        self.key = key
        self.fingerprint = fingerprint
    }
}

/// The sum of the fingerprints of some entries, and how many they are.
package struct RangeSum: Hashable, Sendable {
    package var fingerprint: Fingerprint
    /// Says how a range is best narrowed; two nodes never compare it.
    package var count: Int

    package static let empty = RangeSum(fingerprint: .zero, count: 0)

    package init(fingerprint: Fingerprint, count: Int) {
        self.fingerprint = fingerprint
        self.count = count
    }

    package static func += (sum: inout RangeSum, other: RangeSum) {
        sum.fingerprint &+= other.fingerprint
        sum.count += other.count
    }
}
