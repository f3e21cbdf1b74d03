package import Model

/// When a disk may drop what it has of a partition that it holds no more: never while that could
/// leave fewer copies than the old or the new layout promises.
///
/// It may once the layout is the only one in use and complete (all members go by it), and every one
/// of its holders said, of its disk, that it has all that is here: so there are RF copies without
/// this one. A holder drops nothing by the layout that makes it one, so nobody's word is taken back
/// by a drop in the same layout; in a later layout the holder itself waits for RF others.
///
/// A holder that confirmed a copy, and died, confirms nothing: words older than
/// `PlacementLimits.confirmationAge` are asked for again. Those half as old are asked together with
/// them, so that all are fresh at one time.
package struct DropRule: Sendable {
    /// A holder's word: its disk has what sums up to `sum`, durably.
    private struct Confirmation: Sendable {
        var node: NodeID
        var disk: DiskID
        var sum: Fingerprint
        var at: Duration
    }

    package enum Verdict: Hashable, Sendable {
        case drop
        /// These have to be asked for their word, or again; none where only the layout is waited for.
        case keep(asking: [LayoutMember])
    }

    private var confirmations: [UInt16: [Confirmation]] = [:]

    package init() {}

    /// Words remembered: at most one a partition and holder.
    package var count: Int { confirmations.values.reduce(0) { $0 + $1.count } }

    /// A holder said that its disk has all of the partition that sums up to `sum` here.
    package mutating func confirmed(
        _ partition: Partition, by node: NodeID, disk: DiskID, sum: Fingerprint, now: Duration
    ) {
        let word = Confirmation(node: node, disk: disk, sum: sum, at: now)
        confirmations[partition.number, default: []].removeAll { $0.node == node }
        confirmations[partition.number, default: []].append(word)
    }

    /// Forgets what was said of all other partitions: those are held here again, or gone.
    package mutating func forget(except partitions: [Partition]) {
        if confirmations.isEmpty { return }
        let kept = Set(partitions.map(\.number))
        confirmations = confirmations.filter { kept.contains($0.key) }
    }

    /// - Parameters:
    ///   - sum: what this disk has of the partition now; what was said of another sum counts nothing.
    ///   - holders: of the partition in the newest layout; this disk is none of them.
    ///   - isSettled: whether that layout is the only one in use, complete, and nothing newer is said.
    package func verdict(
        on partition: Partition, sum: Fingerprint, holders: [LayoutMember], isSettled: Bool,
        now: Duration
    ) -> Verdict {
        func hasWord(_ holder: LayoutMember, since: Duration?) -> Bool {
            confirmations[partition.number]?.contains {
                $0.node == holder.node && $0.disk == holder.disk && $0.sum == sum
                    && (since ?? $0.at) <= $0.at
            } ?? false
        }
        // Without a holder there would be no copy at all.
        guard !holders.isEmpty else { return .keep(asking: []) }
        // Before the layout is settled any word will do: it brings the holders what is here.
        let since = isSettled ? now - PlacementLimits.confirmationAge : nil
        if holders.allSatisfy({ hasWord($0, since: since) }) {
            return isSettled ? .drop : .keep(asking: [])
        }
        let renewed = since.map { $0 + PlacementLimits.confirmationAge / 2 }
        return .keep(asking: holders.filter { !hasWord($0, since: renewed) })
    }
}
