internal import Model
internal import Replication

/// Values in columns: one byte of format, then the bytes that travel between nodes.
enum RowCoding {
    private static let format: UInt8 = 1

    static func encode(_ value: some WireValue) -> [UInt8] {
        var writer = ByteWriter(capacity: 384)
        writer.write(format)
        value.encode(into: &writer)
        return writer.bytes
    }

    static func decode<Value: WireValue>(_ bytes: [UInt8]) throws(CorruptRow) -> Value {
        do throws(DecodeError) {
            var reader = unsafe ByteReader(bytes.span.bytes)
            guard try reader.readUInt8() == format else { throw .unknown("format") }
            let value: Value = try reader.read()
            try reader.finish()
            return value
        } catch {
            throw CorruptRow(description: "no \(Value.self) in a row: \(error)")
        }
    }

    /// Monotonic time in a column.
    static func nanoseconds(_ time: Duration) -> Int64 {
        let (seconds, attoseconds) = time.components
        let (high, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        if overflow { return seconds < 0 ? .min : .max }
        let (sum, overflows) = high.addingReportingOverflow(attoseconds / 1_000_000_000)
        return overflows ? (seconds < 0 ? .min : .max) : sum
    }
}
