internal import Crypto
internal import CryptoExtras
internal import Model

/// What a guess of a phrase costs who tries.
package struct KeyCost: Equatable, Sendable {
    /// N: a power of two.
    var rounds: Int
    /// r
    var blockSize: Int
    /// p
    var parallelism: Int

    package init(rounds: Int, blockSize: Int, parallelism: Int) {
        self.rounds = rounds
        self.blockSize = blockSize
        self.parallelism = parallelism
    }

    /// 32 MiB, 0.15 s of a processor of 2022. The node pays it once per start.
    package static let standard = KeyCost(rounds: 1 << 15, blockSize: 8, parallelism: 2)

    /// Whether the numbers are ones that scrypt takes, and bearable.
    var isAcceptable: Bool {
        guard rounds >= 2, rounds & (rounds - 1) == 0, (1...64).contains(blockSize),
            (1...SealingLimits.scryptParallelismMax).contains(parallelism),
            rounds <= SealingLimits.scryptByteCountMax / 128
        else { return false }
        return 128 * rounds * blockSize <= SealingLimits.scryptByteCountMax
    }
}

/// The key that wraps the data keys, derived from what a person gave by scrypt (RFC 7914): each guess
/// costs as much time and memory as the right phrase does.
struct PhraseKey {
    let key: SymmetricKey

    /// - Parameter cost: an acceptable one.
    init(_ phrase: EncryptionPhrase, salt: [UInt8], cost: KeyCost) {
        do {
            key = try KDF.Scrypt.deriveKey(
                from: phrase.bytes, salt: salt, outputByteCount: SealingLimits.keyByteCount,
                rounds: cost.rounds, blockSize: cost.blockSize, parallelism: cost.parallelism)
        } catch {
            // Its only failure beside numbers that were checked before: no memory.
            preconditionFailure("scrypt: \(error)")
        }
    }
}
