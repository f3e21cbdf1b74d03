package import Model

/// The answer to `nodeUsage` (whose request is `Empty`): what nodes' disks hold, asked of them a moment
/// ago, and when this node heard of each last.
package struct NodeUsageList: Message {
    package struct Entry: Equatable, Sendable {
        package var node: NodeID
        /// Nil where the node did not say in time.
        package var disk: Disk?
        /// Nil where nothing was heard of it in this life of the store.
        package var lastHeard: Timestamp?

        package init(node: NodeID, disk: Disk?, lastHeard: Timestamp?) {
            self.node = node
            self.disk = disk
            self.lastHeard = lastHeard
        }
    }

    package struct Disk: Equatable, Sendable {
        /// Of the files' contents.
        package var storedByteCount: UInt64
        package var freeByteCount: UInt64

        package init(storedByteCount: UInt64, freeByteCount: UInt64) {
            self.storedByteCount = storedByteCount
            self.freeByteCount = freeByteCount
        }
    }

    /// This node and those that it knows of, sorted by name; at most `IPCLimits.clusterNodesMax`.
    package var entries: [Entry]

    package init(entries: [Entry]) { self.entries = entries }

    package func encode(into writer: inout ByteWriter) {
        precondition(entries.count <= IPCLimits.clusterNodesMax, "too many nodes in one answer")
        writer.write(UInt32(entries.count))
        for entry in entries {
            entry.node.encode(into: &writer)
            writer.write(entry.disk != nil)
            if let disk = entry.disk {
                writer.write(disk.storedByteCount)
                writer.write(disk.freeByteCount)
            }
            writer.write(entry.lastHeard)
        }
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        let count = try reader.readUInt32()
        guard count <= UInt32(IPCLimits.clusterNodesMax) else { throw .invalid("count") }
        entries = []
        for _ in 0..<count {
            let node = try NodeID(from: &reader)
            var disk: Disk?
            if try reader.readBool() {
                disk = Disk(
                    storedByteCount: try reader.readUInt64(),
                    freeByteCount: try reader.readUInt64())
            }
            entries.append(
                Entry(node: node, disk: disk, lastHeard: try reader.readTimestamp()))
        }
    }
}
