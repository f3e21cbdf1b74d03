import Model

/// The sums of fingerprints over a state's entries: of all of them, and of each of 256 parts.
/// Kept by adding what came and subtracting what went.
struct BucketSums: Hashable, Sendable {
    private(set) var total = Fingerprint.zero
    private(set) var buckets = [Fingerprint](repeating: .zero, count: CRDTLimits.bucketCount)

    mutating func replace(_ old: Fingerprint?, by new: Fingerprint?, of key: EntryKey) {
        replace(old, by: new, in: key.bucket)
    }

    mutating func replace(_ old: Fingerprint?, by new: Fingerprint?, in bucket: Int) {
        let change = (new ?? .zero) &- (old ?? .zero)
        total &+= change
        buckets[bucket] &+= change
    }
}

/// Some of the 256 parts of the state.
package struct BucketSet: Hashable, Sendable {
    private var words: [4 of UInt64] = [0, 0, 0, 0]

    package init() {}

    package func contains(_ bucket: Int) -> Bool { words[bucket >> 6] >> (bucket & 63) & 1 == 1 }

    package mutating func insert(_ bucket: Int) { words[bucket >> 6] |= 1 << (bucket & 63) }

    package var isEmpty: Bool { words[0] | words[1] | words[2] | words[3] == 0 }

    package static func == (a: BucketSet, b: BucketSet) -> Bool {
        a.words[0] == b.words[0] && a.words[1] == b.words[1] && a.words[2] == b.words[2]
            && a.words[3] == b.words[3]
    }

    package func hash(into hasher: inout Hasher) {
        for index in 0..<4 { hasher.combine(words[index]) }
    }

    func encode(into writer: inout ByteWriter) {
        for index in 0..<4 { writer.write(words[index]) }
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        for index in 0..<4 { words[index] = try reader.readUInt64() }
    }
}
