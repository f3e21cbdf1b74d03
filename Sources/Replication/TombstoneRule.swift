import Model

/// When a tombstone may go: every holder has it, and their contexts say all that it says.
///
/// A tombstone knows, of each disk that wrote the path, the last write and with it all earlier ones. A
/// partition's context stands for it once it has each of these: then a copy of one of them that a
/// stand-in brings back is recognized. An earlier write of a disk that was lost may have reached that
/// stand-in alone; no holder can tell its number from those of other paths, so the tombstone stays.
package enum TombstoneRule {
    /// What a holder said when it was asked.
    package struct Confirmation: Hashable, Sendable {
        package var target: Target
        package var context: PartitionContext

        package init(target: Target, context: PartitionContext) {
            self.target = target
            self.context = context
        }
    }

    /// - Parameter confirmations: of all holders of the partition; none of them has anything of the
    ///   path prepared or accepted.
    package static func mayGo(
        _ tombstone: RegisterVersion, _ confirmations: [Confirmation]
    ) -> Bool {
        guard let first = confirmations.first else { return false }
        return confirmations.allSatisfy { $0.context == first.context }
            && tombstone.version.context.entries.allSatisfy { last in
                // What a disk acknowledged it has in its own context.
                confirmations.contains { $0.target.disk == last.disk }
                    || first.context.containsAll(upTo: last)
            }
    }
}
