/// Bytes being written, big endian: the counterpart of `ByteReader`.
package struct ByteWriter: Sendable {
    package private(set) var bytes: [UInt8]

    package init(capacity: Int = 64) {
        bytes = []
        bytes.reserveCapacity(capacity)
    }

    /// Goes on at the end of `bytes`.
    package init(appendingTo bytes: consuming [UInt8]) { self.bytes = bytes }

    package var count: Int { bytes.count }

    package mutating func write(_ value: some FixedWidthInteger) {
        let bigEndian = value.bigEndian
        unsafe withUnsafeBytes(of: bigEndian) { unsafe bytes.append(contentsOf: $0) }
    }

    package mutating func write(_ value: Bool) { bytes.append(value ? 1 : 0) }

    /// The bytes alone, without a length.
    package mutating func writeBytes(_ run: some Collection<UInt8>) {
        bytes.append(contentsOf: run)
    }

    /// The length as a u32, then the bytes.
    package mutating func writeRun(_ run: some Collection<UInt8>) {
        write(UInt32(run.count))
        bytes.append(contentsOf: run)
    }

    /// The length as a u32, then the bytes of a span.
    package mutating func writeRun(_ span: RawSpan) {
        write(UInt32(span.byteCount))
        unsafe span.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
    }

    /// The length as a u32, then the text in UTF-8.
    package mutating func writeText(_ text: String) { writeRun(text.utf8) }

    package mutating func write(_ id: some Identifier) {
        write(id.bits.high)
        write(id.bits.low)
    }

    package mutating func write(_ digest: Digest) { bytes.append(contentsOf: digest.bytes) }

    /// Writes `value` over the four bytes at `offset`, for a length known only afterwards.
    package mutating func overwrite(_ value: UInt32, at offset: Int) {
        precondition(offset >= 0 && offset + 4 <= bytes.count, "outside of what was written")
        for i in 0..<4 {
            bytes[offset + i] = UInt8(truncatingIfNeeded: value >> UInt32(24 - 8 * i))
        }
    }
}
