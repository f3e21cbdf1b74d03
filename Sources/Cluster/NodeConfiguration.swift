package import Model

/// What a node is told before it starts; none of it changes in a life.
package struct NodeConfiguration: Sendable {
    package var node: NodeID
    /// Cleared for a node that stores nothing (`--no-store`): it coordinates and holds no copies.
    package var isStorage: Bool
    package var zone: String
    /// Relative capacity (GiB); see `LayoutMember.weight`.
    package var weight: UInt32
    package var clusterName: String
    /// Nodes to say hello to at the start, beside those remembered.
    package var seeds: [NodeID]
    /// Others were named that have no node id here yet (`--join`): until one of them is heard this
    /// node founds no cluster.
    package var expectsOthers: Bool
    /// How long the network is given to find others before this node takes itself for the only one
    /// and founds a cluster: zero where nobody looks.
    package var foundingWait: Duration
    /// Of the disk, for people; 0 where nobody said.
    package var capacityBytes: UInt64
    package var programVersion: String
    /// Traces of locks in a directory from which on those that are good for nothing go.
    package var lockTracesCleared: Int
    /// Rules that a test breaks on purpose, to prove that a checker can fail. Empty in production.
    package var canaries: Canaries

    package init(node: NodeID) {
        self.node = node
        isStorage = true
        zone = ""
        weight = 100
        clusterName = "default"
        seeds = []
        expectsOthers = false
        foundingWait = .zero
        capacityBytes = 0
        programVersion = ""
        lockTracesCleared = ClusterLimits.lockTracesCleared
        canaries = []
    }
}
