package import Model

/// What a node counts of the bytes below a directory that has a quota.
package struct QuotaUse: Hashable, Sendable {
    package var directory: StorePath
    package var byteCount: UInt64
    /// Whether every file of its disk is in it.
    package var isComplete: Bool

    package init(directory: StorePath, byteCount: UInt64, isComplete: Bool) {
        self.directory = directory
        self.byteCount = byteCount
        self.isComplete = isComplete
    }

    static func encode(_ uses: [QuotaUse], into writer: inout ByteWriter) {
        precondition(uses.count <= TransferLimits.quotasMax, "too many quotas in one word")
        writer.write(UInt16(uses.count))
        for use in uses {
            writer.writeRun(use.directory.bytes)
            writer.write(use.byteCount)
            writer.write(use.isComplete)
        }
    }

    static func list(from reader: inout ByteReader) throws(DecodeError) -> [QuotaUse] {
        let count = try reader.readUInt16()
        guard count <= UInt16(TransferLimits.quotasMax) else { throw .invalid("count") }
        var uses: [QuotaUse] = []
        for _ in 0..<count {
            uses.append(
                QuotaUse(
                    directory: try reader.readStorePath(), byteCount: try reader.readUInt64(),
                    isComplete: try reader.readBool()))
        }
        return uses
    }
}
