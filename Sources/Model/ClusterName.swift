/// The name of a cluster, by which nodes that belong together know each other: letters, digits, `.`,
/// `_`, `-`, 1 to 64 of them, as a node's.
package struct ClusterName: Hashable, Sendable, CustomStringConvertible {
    package let name: String

    package static let byteCountMax = NodeID.byteCountMax

    /// What a node belongs to that was told nothing else.
    package static var standard: ClusterName {
        guard let name = ClusterName("default") else { preconditionFailure("a name of letters") }
        return name
    }

    package init?(_ name: String) {
        // One rule for what people type, read aloud and put into a shell.
        guard let checked = NodeID(name) else { return nil }
        self.name = checked.name
    }

    package var description: String { name }
}
