package import Model

/// Entries of the cluster's state that changed, or that somebody lacks. The last of one key counts
/// (each is merged, so their order decides nothing).
package struct Delta: Hashable, Sendable {
    package var entries: [StateEntry]

    package init(_ entries: [StateEntry] = []) { self.entries = entries }

    package var isEmpty: Bool { entries.isEmpty }

    package static let version: UInt8 = 1

    /// The delta with its version's byte in front.
    package func encode(into writer: inout ByteWriter) {
        writer.write(Delta.version)
        writer.write(UInt32(entries.count))
        for entry in entries { entry.encode(into: &writer) }
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        guard try reader.readUInt8() == Delta.version else { throw .unknown("version") }
        guard reader.remaining <= CRDTLimits.decodeByteCountMax else { throw .invalid("length") }
        let count = try reader.readCount(max: .max, byteCountMin: 6)
        entries = []
        entries.reserveCapacity(count)
        for _ in 0..<count { entries.append(try StateEntry(from: &reader)) }
    }

    /// All of `bytes`.
    package init(decoding bytes: RawSpan) throws(DecodeError) {
        var reader = ByteReader(bytes)
        try self.init(from: &reader)
        try reader.finish()
    }
}
