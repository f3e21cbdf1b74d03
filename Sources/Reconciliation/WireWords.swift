import Model

extension ByteWriter {
    /// Seven bits a byte, the lowest first; the highest bit says that more follow (LEB128).
    mutating func writeVarint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            write(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        write(UInt8(rest))
    }

    /// A short sum or item in 24 bits.
    mutating func writeShort(_ short: UInt32) {
        write(UInt8(truncatingIfNeeded: short >> 16))
        write(UInt16(truncatingIfNeeded: short))
    }

    mutating func write(_ fingerprint: Fingerprint) {
        write(fingerprint.high)
        write(fingerprint.low)
    }

    /// Writes neighbours of equal tag together: the tag's low byte, their count, then what `body`
    /// writes of them.
    mutating func writeRuns<Element>(
        of elements: [Element], tag: (Element) -> UInt16,
        body: (inout ByteWriter, ArraySlice<Element>) -> Void
    ) {
        var start = 0
        while start < elements.count {
            let runTag = tag(elements[start])
            var end = start + 1
            while end < elements.count, tag(elements[end]) == runTag { end += 1 }
            write(UInt8(truncatingIfNeeded: runTag))
            writeVarint(UInt64(end - start))
            body(&self, elements[start..<end])
            start = end
        }
    }
}

extension ByteReader {
    mutating func readVarint() throws(DecodeError) -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 64, by: 7) {
            let byte = try readUInt8()
            if shift == 63, byte > 1 { break }
            value |= UInt64(byte & 0x7F) << shift
            if byte & 0x80 == 0 { return value }
        }
        throw .invalid("number")
    }

    mutating func readVarint(max: Int) throws(DecodeError) -> Int {
        let value = try readVarint()
        guard value <= UInt64(max) else { throw .invalid("count") }
        return Int(value)
    }

    mutating func readShorts(_ count: Int) throws(DecodeError) -> [UInt32] {
        guard remaining >= 3 * count else { throw .truncated }
        var shorts: [UInt32] = []
        shorts.reserveCapacity(count)
        for _ in 0..<count {
            shorts.append(UInt32(try readUInt8()) << 16 | UInt32(try readUInt16()))
        }
        return shorts
    }

    mutating func readFingerprint() throws(DecodeError) -> Fingerprint {
        Fingerprint(high: try readUInt64(), low: try readUInt64())
    }
}
