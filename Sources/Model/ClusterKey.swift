/// The secret that all nodes of one cluster have, and nobody else.
///
/// Its bytes are never part of a log line or of a description: who shows a value that holds one shows
/// this type's name.
package struct ClusterKey: Equatable, Sendable {
    package let bytes: [UInt8]

    /// Of less a stranger who records a handshake could try all: PSK allows guessing off-line.
    package static let byteCountMin = 32
    /// More adds nothing to SHA-256 and makes a key file of something else.
    package static let byteCountMax = 256

    /// Nil where there are too few bytes, or too many.
    package init?(bytes: [UInt8]) {
        guard (ClusterKey.byteCountMin...ClusterKey.byteCountMax).contains(bytes.count) else {
            return nil
        }
        self.bytes = bytes
    }

    /// Why a text is no key.
    package enum Flaw: Error, Equatable, Sendable {
        case notHexadecimal
        case severalLines
        case tooShort(byteCount: Int)
        case tooLong

        /// For people; it quotes nothing of the text.
        package var sentence: String {
            switch self {
            case .notHexadecimal:
                "it holds other characters than hexadecimal digits, or an odd number"
            case .severalLines: "it has more than one line"
            case .tooShort(let byteCount):
                "it holds \(byteCount) bytes of key, and at least \(ClusterKey.byteCountMin) are needed"
            case .tooLong: "it holds more than \(ClusterKey.byteCountMax) bytes of key"
            }
        }
    }

    /// Reads the text of a key file: one line of hexadecimal digits, white space around it.
    package init(text: some Collection<UInt8>) throws(Flaw) {
        func isSpace(_ byte: UInt8) -> Bool { [0x20, 0x09, 0x0A, 0x0D].contains(byte) }
        let line = text.drop(while: isSpace)
        let end = line.firstIndex(where: isSpace) ?? line.endIndex
        guard line[end...].allSatisfy(isSpace) else { throw .severalLines }
        guard let bytes = Hex.decode(line[..<end]) else { throw .notHexadecimal }
        guard bytes.count >= ClusterKey.byteCountMin else {
            throw .tooShort(byteCount: bytes.count)
        }
        guard let key = ClusterKey(bytes: bytes) else { throw .tooLong }
        self = key
    }

    /// The line of a key file, without its end.
    package var text: String { Hex.encode(bytes) }
}

extension ClusterKey: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "ClusterKey" }
    package var debugDescription: String { "ClusterKey" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
