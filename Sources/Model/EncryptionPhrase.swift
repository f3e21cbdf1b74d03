/// What a person gave to encrypt a node's disk with (`--encryption-key`, `--encryption-key-file`):
/// any bytes. The keys that encrypt are random; this one only wraps them.
///
/// Its bytes are never part of a log line or of a description: who shows a value that holds one shows
/// this type's name.
package struct EncryptionPhrase: Equatable, Sendable {
    package let bytes: [UInt8]

    /// Less can be tried out whatever it costs to derive a key from it.
    package static let byteCountMin = 8
    /// More is no phrase but a file named by mistake.
    package static let byteCountMax = 1024

    /// Why bytes are no phrase.
    package enum Flaw: Error, Equatable, Sendable {
        case tooShort(byteCount: Int)
        case tooLong

        /// For people; it quotes nothing of the phrase.
        package var sentence: String {
            switch self {
            case .tooShort(let byteCount):
                "it has \(byteCount) bytes, and at least \(EncryptionPhrase.byteCountMin) are needed"
            case .tooLong: "it has more than \(EncryptionPhrase.byteCountMax) bytes"
            }
        }
    }

    /// Takes `bytes` without the line ends behind them, so that a file and the command line can say the
    /// same.
    package init(_ bytes: some Collection<UInt8>) throws(Flaw) {
        var bytes = [UInt8](bytes)
        while let last = bytes.last, last == 0x0A || last == 0x0D { bytes.removeLast() }
        guard bytes.count >= EncryptionPhrase.byteCountMin else {
            throw .tooShort(byteCount: bytes.count)
        }
        guard bytes.count <= EncryptionPhrase.byteCountMax else { throw .tooLong }
        self.bytes = bytes
    }
}

extension EncryptionPhrase: CustomStringConvertible, CustomDebugStringConvertible,
    CustomReflectable
{
    package var description: String { "EncryptionPhrase" }
    package var debugDescription: String { "EncryptionPhrase" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
