package import Model

/// A layout that was put to use: what it says, and what placement takes, worked out once.
package struct PublishedLayout: Hashable, Sendable {
    /// Shared by all copies, as a node's register is.
    private final class Contents: Sendable {
        let content: LayoutContent
        let layout: Layout
        let byteCount: Int
        let newest: HybridTime
        let open: Fingerprint
        let complete: Fingerprint

        init(_ content: LayoutContent) {
            self.content = content
            layout = content.layout()
            byteCount = content.byteCount + 1
            newest = content.entries.reduce(content.replicationFactor?.stamp.time ?? .zero) {
                max($0, $1.stamp.time)
            }
            open = Contents.fingerprint(layout.id, isComplete: false)
            complete = Contents.fingerprint(layout.id, isComplete: true)
        }

        private static func fingerprint(_ id: LayoutID, isComplete: Bool) -> Fingerprint {
            var mixer = Fingerprint.Mixer(seed: EntryKind.layout.seed)
            mixer.add(id)
            mixer.add(UInt64(isComplete ? 1 : 0))
            return mixer.finish()
        }
    }

    private let contents: Contents

    package init(_ content: LayoutContent) { contents = Contents(content) }

    package var content: LayoutContent { contents.content }
    package var layout: Layout { contents.layout }
    var byteCount: Int { contents.byteCount }
    /// Of its latest word; orders layouts by age where their number must be bounded.
    var newest: HybridTime { contents.newest }

    package var id: LayoutID { layout.id }

    package static func == (a: PublishedLayout, b: PublishedLayout) -> Bool { a.id == b.id }
    package func hash(into hasher: inout Hasher) { hasher.combine(id) }

    /// Whether `other` says all that this says, and more.
    /// - Complexity: O(entries).
    package func isBelow(_ other: PublishedLayout) -> Bool {
        id != other.id && content <= other.content
    }

    /// The fingerprint in the state's sum: it moves when the layout becomes complete.
    func fingerprint(isComplete: Bool) -> Fingerprint {
        isComplete ? contents.complete : contents.open
    }
}
