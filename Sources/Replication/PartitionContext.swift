package import Model

/// Which writes of one partition a disk has taken in: for each disk that assigned any, the
/// sequences as runs. A write that is in here and whose version is not among the registers was
/// superseded or removed here: that is how a deletion outlives its tombstone.
/// (Gonçalves et al., "DottedDB: Anti-Entropy without Merkle Trees, Deletes without Tombstones",
/// 2017: the node logical clock, here one a partition.)
///
/// Sequences grow by one within (disk, partition), so that a disk's runs are nearly always one.
package struct PartitionContext: Hashable, Sendable {
    /// Sequences `first...last`, both included.
    package struct Run: Hashable, Sendable {
        package var first: UInt64
        package var last: UInt64
    }

    package struct Entry: Hashable, Sendable {
        package var disk: DiskID
        /// Sorted, apart from each other by at least one missing sequence; never empty.
        package fileprivate(set) var runs: [Run]
    }

    /// Sorted by disk.
    package private(set) var entries: [Entry]
    /// The latest clock of any tombstone that went: a new version of a path of which nothing is left
    /// ranks above it, so that it also ranks above what directories remember of the path.
    package private(set) var floor = HybridTime.zero

    package init() { entries = [] }

    /// - Parameter entries: by ascending disk, with runs as an entry has them.
    init(entries: [Entry], floor: HybridTime) {
        self.entries = entries
        self.floor = floor
    }

    /// Everything that `disk` wrote, up to and with `sequence`.
    package init(all sequence: UInt64, of disk: DiskID) {
        entries = sequence == 0 ? [] : [Entry(disk: disk, runs: [Run(first: 1, last: sequence)])]
    }

    package var isEmpty: Bool { entries.isEmpty && floor == .zero }

    package mutating func raiseFloor(to time: HybridTime) { floor = max(floor, time) }

    /// - Complexity: O(log disks + log runs).
    package func contains(_ dot: Dot) -> Bool {
        let index = position(of: dot.disk)
        guard index < entries.count, entries[index].disk == dot.disk else { return false }
        return entries[index].contains(dot.sequence)
    }

    /// Whether everything is in here that the dot's disk wrote, up to and with the dot.
    package func containsAll(upTo dot: Dot) -> Bool {
        let index = position(of: dot.disk)
        guard index < entries.count, entries[index].disk == dot.disk,
            let run = entries[index].runs.first
        else { return false }
        return run.first <= 1 && dot.sequence <= run.last
    }

    package mutating func insert(_ dot: Dot) {
        insert(Run(first: dot.sequence, last: dot.sequence), of: dot.disk)
    }

    /// The union: what either has taken in.
    package mutating func formUnion(_ other: PartitionContext) {
        guard other != self else { return }
        raiseFloor(to: other.floor)
        for entry in other.entries {
            for run in entry.runs { insert(run, of: entry.disk) }
        }
    }

    package func union(_ other: PartitionContext) -> PartitionContext {
        var result = self
        result.formUnion(other)
        return result
    }

    /// Whether everything in `other` is in here.
    package func isSuperset(of other: PartitionContext) -> Bool { union(other) == self }

    /// The highest sequence of `disk` in here; 0 where there is none.
    package func highestSequence(of disk: DiskID) -> UInt64 {
        let index = position(of: disk)
        guard index < entries.count, entries[index].disk == disk else { return 0 }
        return entries[index].runs.last?.last ?? 0
    }

    package var fingerprint: Fingerprint {
        if isEmpty { return .zero }
        var mixer = Fingerprint.Mixer(seed: 0x636F_6E74_6578_7400)
        mixer.add(floor.value)
        for entry in entries {
            mixer.add(entry.disk)
            for run in entry.runs {
                mixer.add(run.first)
                mixer.add(run.last)
            }
        }
        return mixer.finish()
    }

    private func position(of disk: DiskID) -> Int {
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].disk < disk { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private mutating func insert(_ run: Run, of disk: DiskID) {
        let index = position(of: disk)
        if index < entries.count, entries[index].disk == disk {
            entries[index].insert(run)
        } else {
            entries.insert(Entry(disk: disk, runs: [run]), at: index)
        }
    }
}

extension PartitionContext.Entry {
    fileprivate func contains(_ sequence: UInt64) -> Bool {
        for run in runs.reversed() where run.first <= sequence { return sequence <= run.last }
        return false
    }

    /// Merges `run` in, joined with the runs that it overlaps or touches.
    fileprivate mutating func insert(_ run: PartitionContext.Run) {
        if let last = runs.last, run.first > last.last {
            if run.first == last.last + 1 {
                runs[runs.count - 1].last = run.last
            } else {
                runs.append(run)
            }
            return
        }
        var first = run.first
        var last = run.last
        var start = runs.count
        var end = 0
        for (index, other) in runs.enumerated() {
            // Apart: one ends at least two before the other begins.
            if other.last < first && first - other.last > 1 { continue }
            if last < other.first && other.first - last > 1 {
                start = min(start, index)
                break
            }
            start = min(start, index)
            end = index + 1
            first = min(first, other.first)
            last = max(last, other.last)
        }
        let merged = PartitionContext.Run(first: first, last: last)
        runs.replaceSubrange(start..<max(start, end), with: [merged])
    }
}
