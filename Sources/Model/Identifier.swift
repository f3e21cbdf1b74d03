/// 128 random (or time-ordered) bits, compared as an unsigned big-endian number.
///
/// The typed names below keep a disk's id from being passed where an object's is meant.
package struct Bits128: Hashable, Comparable, Sendable {
    package var high: UInt64
    package var low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// 128 bits from `generator`.
    package init(using generator: inout some RandomNumberGenerator) {
        self.init(high: generator.next(), low: generator.next())
    }

    package static func < (a: Bits128, b: Bits128) -> Bool {
        a.high != b.high ? a.high < b.high : a.low < b.low
    }
}

/// A 128-bit identifier of one kind of thing. `hex` is its written form: 32 lower-case digits.
package protocol Identifier: Hashable, Comparable, Sendable, CustomStringConvertible {
    var bits: Bits128 { get }
    init(bits: Bits128)
}

extension Identifier {
    package init(using generator: inout some RandomNumberGenerator) {
        self.init(bits: Bits128(using: &generator))
    }

    /// The identifier written as 32 hexadecimal digits, or nil.
    package init?(hex: some StringProtocol) {
        guard hex.utf8.count == 32, let bytes = Hex.decode(hex.utf8) else { return nil }
        self.init(bytes: bytes)
    }

    /// The identifier in 16 bytes, big endian, or nil where there are not 16.
    package init?(bytes: some Collection<UInt8>) {
        guard bytes.count == 16 else { return nil }
        var high: UInt64 = 0
        var low: UInt64 = 0
        for byte in bytes.prefix(8) { high = high << 8 | UInt64(byte) }
        for byte in bytes.dropFirst(8) { low = low << 8 | UInt64(byte) }
        self.init(bits: Bits128(high: high, low: low))
    }

    package var bytes: [UInt8] {
        unsafe [UInt8](unsafeUninitializedCapacity: 16) { buffer, count in
            for i in 0..<8 {
                unsafe buffer[i] = UInt8(truncatingIfNeeded: bits.high >> (56 - 8 * UInt64(i)))
                unsafe buffer[8 + i] = UInt8(truncatingIfNeeded: bits.low >> (56 - 8 * UInt64(i)))
            }
            count = 16
        }
    }

    package var hex: String { Hex.encode(bytes) }

    package var description: String { hex }

    package static func < (a: Self, b: Self) -> Bool { a.bits < b.bits }
}

/// A data directory, made with it and never reused: a wiped disk is a new disk.
package struct DiskID: Identifier {
    package let bits: Bits128
    package init(bits: Bits128) { self.bits = bits }
}

/// The content of one version of one file on disk. Random per version, never reused.
package struct ObjectID: Identifier {
    package let bits: Bits128
    package init(bits: Bits128) { self.bits = bits }

    /// A random id whose first byte, the directory it lies in, is `shard`: objects that are made
    /// together lie together, so that a round of them touches the blocks of one directory.
    package init(shard: UInt8, using generator: inout some RandomNumberGenerator) {
        let random = Bits128(using: &generator)
        self.init(
            bits: Bits128(high: random.high >> 8 | UInt64(shard) << 56, low: random.low))
    }
}

/// One operation of one client, made once in the gateway, so that a re-sent operation is applied
/// once. Its first 48 bits are the wall clock in milliseconds (as UUIDv7, RFC 9562 section 5.7),
/// so that the store's table of operations grows at its end and is pruned at its start.
package struct OperationID: Identifier {
    package let bits: Bits128
    package init(bits: Bits128) { self.bits = bits }

    package init(wallMilliseconds: UInt64, using generator: inout some RandomNumberGenerator) {
        let random: UInt64 = generator.next()
        self.init(
            bits: Bits128(high: wallMilliseconds << 16 | random & 0xFFFF, low: generator.next()))
    }

    package var wallMilliseconds: UInt64 { bits.high >> 16 }
}
