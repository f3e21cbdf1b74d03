package import Model

/// What has bytes of its own in messages between nodes: big endian, fixed order, every count bounded
/// by what is left of the message before anything is allocated.
package protocol WireValue {
    /// No encoding is shorter: what a count in a message is checked against.
    static var byteCountMin: Int { get }
    func encode(into writer: inout ByteWriter)
    /// - Throws: `DecodeError` for anything that `encode` does not write.
    init(from reader: inout ByteReader) throws(DecodeError)
}

extension WireValue {
    /// The bytes alone: for tests, and for messages of one value.
    package var encoded: [UInt8] {
        var writer = ByteWriter(capacity: 256)
        encode(into: &writer)
        return writer.bytes
    }

    /// - Throws: also where bytes are left.
    package init(decoding bytes: RawSpan) throws(DecodeError) {
        guard bytes.byteCount <= WireLimits.messageByteCountMax else { throw .invalid("length") }
        var reader = ByteReader(bytes)
        try self.init(from: &reader)
        try reader.finish()
    }
}

/// The numbers of messages between nodes, each with its reason.
package enum WireLimits {
    /// What is decoded at all: eight times what a sender keeps below, for registers that keep much.
    package static let messageByteCountMax = 8 << 20

    /// As MIME types are in practice, four times over.
    package static let contentTypeByteCountMax = 1024

    /// Sequences and clocks stay below 2^62: what follows them must not overflow.
    package static let numberMax = UInt64.max >> 2

    /// The same of the corrections of an entry, which are few.
    package static let correctionMax = UInt32.max >> 2
}

extension ByteWriter {
    package mutating func write(_ value: some WireValue) { value.encode(into: &self) }

    package mutating func write(_ values: [some WireValue]) {
        write(UInt32(values.count))
        for value in values { value.encode(into: &self) }
    }

    package mutating func write(optional value: (some WireValue)?) {
        write(value != nil)
        value?.encode(into: &self)
    }
}

extension ByteReader {
    package mutating func read<Value: WireValue>() throws(DecodeError) -> Value {
        try Value(from: &self)
    }

    /// A list behind its count in a u32.
    package mutating func readList<Value: WireValue>(
        max: Int = .max
    ) throws(DecodeError) -> [Value] {
        let count = Int(try readUInt32())
        guard count <= max else { throw .invalid("count") }
        guard count <= remaining / Swift.max(1, Value.byteCountMin) else { throw .truncated }
        var values: [Value] = []
        values.reserveCapacity(count)
        for _ in 0..<count { values.append(try Value(from: &self)) }
        return values
    }

    package mutating func readOptional<Value: WireValue>() throws(DecodeError) -> Value? {
        try readBool() ? try Value(from: &self) : nil
    }

    /// A sequence or clock.
    package mutating func readNumber() throws(DecodeError) -> UInt64 {
        let number = try readUInt64()
        guard number <= WireLimits.numberMax else { throw .invalid("number") }
        return number
    }

    mutating func readCorrection() throws(DecodeError) -> UInt32 {
        let correction = try readUInt32()
        guard correction <= WireLimits.correctionMax else { throw .invalid("correction") }
        return correction
    }

    /// The name of an entry of a directory.
    mutating func readName() throws(DecodeError) -> [UInt8] {
        let name = try readRun(max: StorePath.componentByteCountMax)
        guard !name.isEmpty, (try? StorePath.root.appending(name)) != nil else {
            throw .invalid("name")
        }
        return name
    }
}
