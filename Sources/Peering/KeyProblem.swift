package import Model

/// Why two nodes of one network do not speak with each other, as far as their cluster keys go.
package enum KeyProblem: Equatable, Sendable, CaseIterable {
    /// Both have a key, and not the same.
    case otherKey
    /// The other one has none.
    case theirsMissing
    /// This one has none.
    case ownMissing
    /// What came is nothing that a gateway says, or a handshake that somebody broke: nobody's mistake
    /// that people could mend.
    case nonsense

    /// For people: what is wrong, where, and what to do. - Parameter node: as it calls itself, unproved.
    package func sentence(node: NodeID?, host: String) -> String {
        let who = (node.map { "node \($0)" } ?? "a node") + " at \(host)"
        return switch self {
        case .otherKey:
            "wrong cluster key: \(who) has another one than this node; give both the same"
                + " --cluster-key-file"
        case .theirsMissing:
            "\(who) has no cluster key, and this node has one: start it with the same"
                + " --cluster-key-file"
        case .ownMissing:
            "\(who) has a cluster key, and this node has none: start this one with the same"
                + " --cluster-key-file"
        case .nonsense: "what \(who) says is nothing that a gateway says"
        }
    }
}
