package import Model

/// The answer to `restartCluster` (whose request is `Empty`): whose workers are restarted, one node after
/// the other, in this order; the node itself is the last.
package struct RestartPlan: Message {
    /// At most `IPCLimits.clusterNodesMax`.
    package var nodes: [NodeID]

    package init(nodes: [NodeID]) { self.nodes = nodes }

    package func encode(into writer: inout ByteWriter) {
        precondition(nodes.count <= IPCLimits.clusterNodesMax, "too many nodes in one answer")
        writer.write(UInt32(nodes.count))
        for node in nodes { node.encode(into: &writer) }
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        let count = try reader.readUInt32()
        guard count <= UInt32(IPCLimits.clusterNodesMax) else { throw .invalid("count") }
        nodes = []
        for _ in 0..<count { nodes.append(try NodeID(from: &reader)) }
    }
}
