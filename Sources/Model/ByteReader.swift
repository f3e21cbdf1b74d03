/// Why bytes could not be decoded.
package enum DecodeError: Error, Equatable, Sendable {
    /// The bytes end before the field does.
    case truncated
    /// Bytes are left where the message ends.
    case trailingBytes
    /// A field's value is outside its range: its name.
    case invalid(StaticName)
    /// A version, kind or tag that this program does not know, its name: who wrote it is newer, or
    /// the bytes are damaged.
    case unknown(StaticName)
}

/// The name of a field in an error, comparable and without an allocation.
package struct StaticName: Equatable, Sendable, ExpressibleByStringLiteral {
    package let text: StaticString
    package init(stringLiteral text: StaticString) { self.text = text }

    package static func == (a: StaticName, b: StaticName) -> Bool {
        "\(a.text)" == "\(b.text)"
    }
}

/// A cursor over bytes that somebody else owns: big endian, checked, never trapping.
package struct ByteReader: ~Escapable {
    private let bytes: RawSpan
    private var offset = 0

    @_lifetime(copy bytes)
    package init(_ bytes: RawSpan) { self.bytes = bytes }

    package var remaining: Int { bytes.byteCount - offset }

    package var isAtEnd: Bool { remaining == 0 }

    private mutating func advance(_ count: Int) throws(DecodeError) -> Int {
        guard count >= 0, count <= remaining else { throw .truncated }
        defer { offset += count }
        return offset
    }

    package mutating func readUInt8() throws(DecodeError) -> UInt8 {
        let start = try advance(1)
        return unsafe bytes.unsafeLoadUnaligned(fromByteOffset: start, as: UInt8.self)
    }

    package mutating func readUInt16() throws(DecodeError) -> UInt16 {
        let start = try advance(2)
        return unsafe UInt16(
            bigEndian: bytes.unsafeLoadUnaligned(fromByteOffset: start, as: UInt16.self))
    }

    package mutating func readUInt32() throws(DecodeError) -> UInt32 {
        let start = try advance(4)
        return unsafe UInt32(
            bigEndian: bytes.unsafeLoadUnaligned(fromByteOffset: start, as: UInt32.self))
    }

    package mutating func readUInt64() throws(DecodeError) -> UInt64 {
        let start = try advance(8)
        return unsafe UInt64(
            bigEndian: bytes.unsafeLoadUnaligned(fromByteOffset: start, as: UInt64.self))
    }

    package mutating func readInt64() throws(DecodeError) -> Int64 {
        Int64(bitPattern: try readUInt64())
    }

    /// A Boolean in one byte; anything but 0 and 1 is an error.
    package mutating func readBool() throws(DecodeError) -> Bool {
        switch try readUInt8() {
        case 0: return false
        case 1: return true
        default: throw .invalid("boolean")
        }
    }

    /// `count` bytes, copied.
    package mutating func readBytes(_ count: Int) throws(DecodeError) -> [UInt8] {
        let start = try advance(count)
        return unsafe bytes.extracting(start..<start + count).withUnsafeBytes { unsafe [UInt8]($0) }
    }

    /// A run of bytes behind its length in a u32, at most `max` of them.
    package mutating func readRun(max: Int) throws(DecodeError) -> [UInt8] {
        let count = try readUInt32()
        guard count <= UInt32(clamping: max) else { throw .invalid("length") }
        return try readBytes(Int(count))
    }

    /// The run that `readRun` would copy, as a span of the same bytes.
    @_lifetime(copy self)
    package mutating func readRunSpan(max: Int) throws(DecodeError) -> RawSpan {
        let count = try readUInt32()
        guard count <= UInt32(clamping: max) else { throw .invalid("length") }
        let start = try advance(Int(count))
        return bytes.extracting(start..<start + Int(count))
    }

    /// UTF-8 text behind its length in a u32.
    package mutating func readText(max: Int) throws(DecodeError) -> String {
        guard let text = String(validating: try readRun(max: max), as: UTF8.self) else {
            throw .invalid("text")
        }
        return text
    }

    package mutating func readIdentifier<ID: Identifier>() throws(DecodeError) -> ID {
        ID(bits: Bits128(high: try readUInt64(), low: try readUInt64()))
    }

    package mutating func readDigest() throws(DecodeError) -> Digest {
        guard let digest = Digest(bytes: try readBytes(Digest.byteCount)) else { throw .truncated }
        return digest
    }

    /// Says that the message ends here.
    /// - Throws: `trailingBytes` where it does not.
    package func finish() throws(DecodeError) {
        if remaining != 0 { throw .trailingBytes }
    }
}
