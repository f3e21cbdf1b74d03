/// A 128-bit fingerprint of bytes, and sums of such fingerprints: an abelian group under wrapping
/// addition, so that the sum over a set of entries is kept up to date by adding what came and
/// subtracting what went, in any order.
///
/// It finds differences between honest nodes; it is no cryptographic hash.
package struct Fingerprint: Hashable, Sendable {
    package var high: UInt64
    package var low: UInt64

    /// The sum of nothing.
    package static let zero = Fingerprint(high: 0, low: 0)

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// The fingerprint of `bytes`: two 64-bit lanes that take eight bytes a step, each finished
    /// with MurmurHash3's 64-bit mixer. Agreed between nodes: it can never change.
    package init(of bytes: some Collection<UInt8>) {
        self.init(of: bytes, seed: 0)
    }

    package init(of bytes: some Collection<UInt8>, seed: UInt64) {
        // Arrays and texts lie in one piece: no call a byte.
        let whole = bytes.withContiguousStorageIfAvailable { buffer in
            var mixer = Mixer(seed: seed)
            for index in 0..<buffer.count { mixer.add(unsafe buffer[index]) }
            return mixer.finish()
        }
        if let whole {
            self = whole
            return
        }
        var mixer = Mixer(seed: seed)
        for byte in bytes { mixer.add(byte) }
        self = mixer.finish()
    }

    package static func &+ (a: Fingerprint, b: Fingerprint) -> Fingerprint {
        Fingerprint(high: a.high &+ b.high, low: a.low &+ b.low)
    }

    package static func &- (a: Fingerprint, b: Fingerprint) -> Fingerprint {
        Fingerprint(high: a.high &- b.high, low: a.low &- b.low)
    }

    package static func &+= (a: inout Fingerprint, b: Fingerprint) { a = a &+ b }

    package static func &-= (a: inout Fingerprint, b: Fingerprint) { a = a &- b }

    /// MurmurHash3's 64-bit finalizer (Appleby): every bit of `value` moves every bit of the answer.
    package static func mix(_ value: UInt64) -> UInt64 {
        var hash = value
        hash = (hash ^ (hash >> 33)) &* 0xff51_afd7_ed55_8ccd
        hash = (hash ^ (hash >> 33)) &* 0xc4ce_b9fe_1a85_ec53
        return hash ^ (hash >> 33)
    }

    /// Takes words and bytes one after the other; for values that are not bytes already.
    package struct Mixer: Sendable {
        private var a: UInt64
        private var b: UInt64
        private var pending: UInt64 = 0
        private var count: UInt64 = 0

        package init(seed: UInt64 = 0) {
            a = 0x9E37_79B9_7F4A_7C15 ^ seed
            b = 0xC2B2_AE3D_27D4_EB4F &+ seed
        }

        package mutating func add(_ byte: UInt8) {
            pending = pending << 8 | UInt64(byte)
            count += 1
            if count & 7 == 0 {
                step(pending)
                pending = 0
            }
        }

        package mutating func add(_ word: UInt64) {
            if count & 7 == 0 {
                count += 8
                return step(word)
            }
            for shift in stride(from: UInt64(56), through: 0, by: -8) {
                add(UInt8(truncatingIfNeeded: word >> shift))
            }
        }

        package mutating func add(_ id: some Identifier) {
            add(id.bits.high)
            add(id.bits.low)
        }

        private mutating func step(_ word: UInt64) {
            a = (a ^ Fingerprint.mix(word)) &* 0x9FB2_1C65_1E98_DF25
            b = (b &+ word) &* 0xD6E8_FEB8_6659_FD93
            b ^= b >> 32
        }

        package consuming func finish() -> Fingerprint {
            step(pending)
            step(count)
            return Fingerprint(
                high: Fingerprint.mix(a ^ (b >> 17)), low: Fingerprint.mix(b &+ (a >> 29)))
        }
    }
}
