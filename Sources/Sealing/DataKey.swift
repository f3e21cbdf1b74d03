internal import Crypto

/// A random key of a data directory. Nothing is encrypted with it itself: each use derives its own.
package struct DataKey: Sendable {
    /// The number of the key, counted from 1: it stands in all that was sealed under it.
    package let epoch: UInt32
    private let key: SymmetricKey

    /// - Parameter bytes: 32 of them.
    init?(epoch: UInt32, bytes: [UInt8]) {
        guard epoch > 0, bytes.count == SealingLimits.keyByteCount else { return nil }
        self.epoch = epoch
        key = SymmetricKey(data: bytes)
    }

    package init(epoch: UInt32, using generator: inout some RandomNumberGenerator) {
        precondition(epoch > 0, "keys are counted from 1")
        self.epoch = epoch
        key = SymmetricKey(
            data: RandomBytes.make(SealingLimits.keyByteCount, using: &generator))
    }

    /// A key for one purpose, by HKDF with SHA-256 (RFC 5869).
    ///
    /// - Parameters:
    ///   - purpose: a new one for each new meaning or format of what is made with the key.
    ///   - context: what the key is bound to.
    func derived(_ purpose: String, salt: [UInt8], context: [UInt8] = []) -> SymmetricKey {
        HKDF<SHA256>.deriveKey(
            inputKeyMaterial: key, salt: salt,
            info: [UInt8]("clusterf \(purpose)".utf8) + [0] + context,
            outputByteCount: SealingLimits.keyByteCount)
    }

    var bytes: [UInt8] { unsafe key.withUnsafeBytes { unsafe [UInt8]($0) } }
}

/// The data keys of a directory: what is new is sealed under the newest one.
package struct KeyRing: Sendable {
    /// Oldest first, never empty.
    let keys: [DataKey]

    /// A ring of one new key.
    package init(using generator: inout some RandomNumberGenerator) {
        keys = [DataKey(epoch: 1, using: &generator)]
    }

    /// Nil without a key or with two of one epoch.
    init?(_ keys: [DataKey]) {
        guard !keys.isEmpty, Set(keys.map(\.epoch)).count == keys.count else { return nil }
        self.keys = keys.sorted { $0.epoch < $1.epoch }
    }

    package var count: Int { keys.count }

    package var current: DataKey {
        guard let last = keys.last else { preconditionFailure("a ring has a key") }
        return last
    }

    package subscript(epoch: UInt32) -> DataKey? { keys.last { $0.epoch == epoch } }

    /// With one more key, which is the current one from then on.
    package func adding(using generator: inout some RandomNumberGenerator) -> KeyRing? {
        guard keys.count < SealingLimits.keyCountMax, current.epoch < UInt32.max else { return nil }
        return KeyRing(keys + [DataKey(epoch: current.epoch + 1, using: &generator)])
    }

    /// The current key alone.
    package func droppingOld() -> KeyRing {
        guard let ring = KeyRing([current]) else { preconditionFailure("one key is a ring") }
        return ring
    }
}

extension DataKey: CustomStringConvertible, CustomReflectable {
    package var description: String { "DataKey \(epoch)" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

enum RandomBytes {
    static func make(_ count: Int, using generator: inout some RandomNumberGenerator) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count + 8)
        while bytes.count < count {
            let word: UInt64 = generator.next()
            for shift in stride(from: UInt64(0), to: 64, by: 8) {
                bytes.append(UInt8(truncatingIfNeeded: word >> shift))
            }
        }
        return Array(bytes.prefix(count))
    }
}
