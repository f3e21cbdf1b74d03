internal import Crypto
internal import Synchronization

/// Seals the pages of a database, each anew whenever it is written, with AES-256-GCM.
///
/// A page is written more often than random nonces of 96 bits allow under one key. So each life of a
/// process derives a key of its own from a random number of 128 bits and counts its pages: a nonce
/// repeats under a key only where two lives drew the same number. Number and count stand with the page.
package final class PageSealer: Sendable {
    /// What a record is; bound to it, so that none can stand in another's place.
    package enum Role: UInt8, Sendable {
        /// A page of the database, by its number.
        case page = 1
        /// The header of a frame of the write-ahead log, by the frame's number.
        case frameHeader = 2
        /// The page of a frame.
        case frame = 3
    }

    /// Bytes that stand with each record: epoch 4, life 16, count 8, tag 16.
    package static let trailerByteCount = 44

    private static let lifeByteCount = 16

    private struct LifeID: Hashable {
        var epoch: UInt32
        var high: UInt64
        var low: UInt64
    }

    private let ring: KeyRing
    private let life: LifeID
    private let key: SymmetricKey
    private let count = Atomic<UInt64>(0)
    private let earlier = Mutex<[LifeID: SymmetricKey]>([:])

    package init(_ ring: KeyRing, using generator: inout some RandomNumberGenerator) {
        self.ring = ring
        life = LifeID(
            epoch: ring.current.epoch, high: generator.next(), low: generator.next())
        key = PageSealer.derive(ring.current, life)
    }

    private static func derive(_ dataKey: DataKey, _ life: LifeID) -> SymmetricKey {
        dataKey.derived("database 1", salt: bytes(life.high) + bytes(life.low))
    }

    private static func bytes(_ word: UInt64) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: word >> (56 - 8 * UInt64($0))) }
    }

    private static func context(_ role: Role, _ index: UInt64) -> [UInt8] {
        [role.rawValue] + bytes(index)
    }

    private static func nonce(_ count: UInt64) -> AES.GCM.Nonce {
        AEAD.nonce([0, 0, 0, 0] + bytes(count))
    }

    /// Seals `plain` into `sealed`, of the same count, and `trailer`, of `trailerByteCount`.
    package func seal(
        _ plain: UnsafeRawBufferPointer, _ role: Role, _ index: UInt64,
        into sealed: UnsafeMutableRawBufferPointer, trailer: UnsafeMutableRawBufferPointer
    ) {
        let number = count.wrappingAdd(1, ordering: .relaxed).newValue
        unsafe trailer.storeBytes(of: life.epoch.bigEndian, toByteOffset: 0, as: UInt32.self)
        unsafe trailer.storeBytes(of: life.high.bigEndian, toByteOffset: 4, as: UInt64.self)
        unsafe trailer.storeBytes(of: life.low.bigEndian, toByteOffset: 12, as: UInt64.self)
        unsafe trailer.storeBytes(of: number.bigEndian, toByteOffset: 20, as: UInt64.self)
        unsafe AEAD.seal(
            plain, into: sealed, tag: UnsafeMutableRawBufferPointer(rebasing: trailer[28..<44]),
            key,
            nonce: PageSealer.nonce(number), authenticating: PageSealer.context(role, index))
    }

    /// Opens `sealed` into `plain`, of the same count; false where it is not what was written there.
    package func open(
        _ sealed: UnsafeRawBufferPointer, _ role: Role, _ index: UInt64,
        trailer: UnsafeRawBufferPointer, into plain: UnsafeMutableRawBufferPointer
    ) -> Bool {
        func word(_ offset: Int) -> UInt64 {
            unsafe UInt64(
                bigEndian: trailer.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        }
        let epoch = unsafe UInt32(
            bigEndian: trailer.loadUnaligned(fromByteOffset: 0, as: UInt32.self))
        guard let key = key(of: LifeID(epoch: epoch, high: word(4), low: word(12))) else {
            return false
        }
        return unsafe AEAD.open(
            sealed, tag: UnsafeRawBufferPointer(rebasing: trailer[28..<44]), into: plain, key,
            nonce: PageSealer.nonce(word(20)), authenticating: PageSealer.context(role, index))
    }

    /// Nil for an epoch of which no key is here.
    private func key(of id: LifeID) -> SymmetricKey? {
        if id == life { return key }
        guard let dataKey = ring[id.epoch] else { return nil }
        return earlier.withLock { keys in
            if let key = keys[id] { return key }
            // Derived from what may be damage: nothing is forgotten for it but what can be derived again.
            if keys.count >= SealingLimits.lifeKeysMax { keys.removeAll(keepingCapacity: true) }
            let key = PageSealer.derive(dataKey, id)
            keys[id] = key
            return key
        }
    }
}
