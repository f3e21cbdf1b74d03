/// A SHA-256 digest (FIPS 180-4): 32 bytes, kept without a heap allocation.
package struct Digest: Hashable, Sendable, CustomStringConvertible {
    private let words: [4 of UInt64]

    package static let byteCount = 32

    /// The digest of 32 bytes, or nil for another count.
    package init?(bytes: some Collection<UInt8>) {
        guard bytes.count == Digest.byteCount else { return nil }
        var words: [4 of UInt64] = [0, 0, 0, 0]
        for (index, byte) in bytes.enumerated() {
            words[index >> 3] = words[index >> 3] << 8 | UInt64(byte)
        }
        self.words = words
    }

    package init?(hex: some StringProtocol) {
        guard hex.utf8.count == 2 * Digest.byteCount, let bytes = Hex.decode(hex.utf8) else {
            return nil
        }
        self.init(bytes: bytes)
    }

    package var bytes: [UInt8] {
        unsafe [UInt8](unsafeUninitializedCapacity: Digest.byteCount) { buffer, count in
            for i in 0..<Digest.byteCount {
                let shift = UInt64(56 - 8 * (i & 7))
                unsafe buffer[i] = UInt8(truncatingIfNeeded: words[i >> 3] >> shift)
            }
            count = Digest.byteCount
        }
    }

    package var hex: String { Hex.encode(bytes) }

    package var description: String { hex }

    package static func == (a: Digest, b: Digest) -> Bool {
        a.words[0] == b.words[0] && a.words[1] == b.words[1] && a.words[2] == b.words[2]
            && a.words[3] == b.words[3]
    }

    package func hash(into hasher: inout Hasher) {
        // The digest is uniform already: one word of it serves a table as well as four.
        hasher.combine(words[0])
    }
}
