/// A hybrid logical clock's reading (Kulkarni et al. 2014): 48 bits of wall-clock milliseconds
/// since 1970, then 16 bits that count events within one millisecond.
package struct HybridTime: Hashable, Comparable, Sendable {
    package let value: UInt64

    package static let zero = HybridTime(value: 0)

    package init(value: UInt64) { self.value = value }

    /// The next reading at wall time `wallMilliseconds`: above `self` also where the wall clock
    /// stands still or went back.
    package func next(wallMilliseconds: UInt64) -> HybridTime {
        HybridTime(value: max(value + 1, wallMilliseconds << 16))
    }

    package var wallMilliseconds: UInt64 { value >> 16 }

    package static func < (a: HybridTime, b: HybridTime) -> Bool { a.value < b.value }
}

/// The name of one write: the disk that assigned it and that disk's count of writes.
package struct Dot: Hashable, Sendable {
    package var disk: DiskID
    package var sequence: UInt64

    package init(disk: DiskID, sequence: UInt64) {
        self.disk = disk
        self.sequence = sequence
    }
}

/// What a version of a path has seen: for each disk that wrote the path, the highest sequence.
/// (Version vectors with dots: Almeida et al., "Scalable and Accurate Causality Tracking for
/// Eventually Consistent Stores", 2014.) Sorted by disk; small: one entry a disk that wrote.
package struct CausalContext: Hashable, Sendable {
    package private(set) var entries: [Dot]

    package static let empty = CausalContext()

    package init() { entries = [] }

    /// - Parameter entries: any order, one a disk.
    package init(entries: [Dot]) {
        self.entries = entries.sorted { $0.disk < $1.disk }
    }

    package func contains(_ dot: Dot) -> Bool {
        entries.contains { $0.disk == dot.disk && $0.sequence >= dot.sequence }
    }

    package mutating func insert(_ dot: Dot) {
        guard let index = entries.firstIndex(where: { $0.disk >= dot.disk }) else {
            return entries.append(dot)
        }
        if entries[index].disk == dot.disk {
            entries[index].sequence = max(entries[index].sequence, dot.sequence)
        } else {
            entries.insert(dot, at: index)
        }
    }

    package mutating func merge(_ other: CausalContext) {
        for dot in other.entries { insert(dot) }
    }
}

/// The version of a record: who wrote it, when, and after what.
package struct Version: Hashable, Sendable {
    package var dot: Dot
    package var time: HybridTime
    /// What the writer knew of the path, the dot itself included.
    package var context: CausalContext

    package init(dot: Dot, time: HybridTime, context: CausalContext) {
        self.dot = dot
        self.time = time
        self.context = context
    }

    /// The name of the version in the API: `<disk id in hex>.<sequence>`.
    package var name: String { "\(dot.disk.hex).\(dot.sequence)" }
}
