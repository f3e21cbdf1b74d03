package import Model

/// The answer to `quotas` (whose request is `Empty`): how many bytes may be below directories, and are.
package struct QuotaList: Message {
    package struct Entry: Equatable, Sendable {
        package var directory: StorePath
        /// Bytes.
        package var limit: UInt64
        /// In the whole cluster, as it was known a moment ago; nil before that is known.
        package var used: UInt64?
        /// Whether every file is counted.
        package var isComplete: Bool

        package init(directory: StorePath, limit: UInt64, used: UInt64?, isComplete: Bool) {
            self.directory = directory
            self.limit = limit
            self.used = used
            self.isComplete = isComplete
        }
    }

    /// By directory; at most `IPCLimits.quotasMax`.
    package var entries: [Entry]

    package init(entries: [Entry]) { self.entries = entries }

    package func encode(into writer: inout ByteWriter) {
        precondition(entries.count <= IPCLimits.quotasMax, "too many quotas in one answer")
        writer.write(UInt16(entries.count))
        for entry in entries {
            writer.write(entry.directory)
            writer.write(entry.limit)
            writer.write(entry.used != nil)
            if let used = entry.used { writer.write(used) }
            writer.write(entry.isComplete)
        }
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        let count = try reader.readUInt16()
        guard count <= UInt16(IPCLimits.quotasMax) else { throw .invalid("count") }
        entries = []
        for _ in 0..<count {
            entries.append(
                Entry(
                    directory: try reader.readPath(), limit: try reader.readUInt64(),
                    used: try reader.readBool() ? try reader.readUInt64() : nil,
                    isComplete: try reader.readBool()))
        }
    }
}
