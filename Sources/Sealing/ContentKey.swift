package import Model

/// What is needed to seal one content, and to open that one alone: for a process that sees the content
/// anyway, and must not have the data keys.
package struct ContentKey: Equatable, Sendable {
    /// What stands before the chunks.
    package let header: [UInt8]
    /// Secret.
    package let key: [UInt8]

    package init(header: [UInt8], key: [UInt8]) {
        self.header = header
        self.key = key
    }

    package static let headerByteCount = ContentHeader.byteCount
    package static let keyByteCount = SealingLimits.keyByteCount

    /// Of a new content, under the ring's current key.
    package static func make(
        _ object: ObjectID, _ ring: KeyRing, using generator: inout some RandomNumberGenerator
    ) -> ContentKey {
        ContentCipher(
            ContentHeader(
                epoch: ring.current.epoch, object: object,
                salt: RandomBytes.make(SealingLimits.saltByteCount, using: &generator),
                layout: .standard), ring.current
        ).contentKey
    }

    /// Of the content that begins with `header`.
    package init(of header: [UInt8], _ ring: KeyRing) throws(SealError) {
        let parsed = try ContentHeader(header)
        guard let dataKey = ring[parsed.epoch] else { throw .unknownEpoch(parsed.epoch) }
        self = ContentCipher(parsed, dataKey).contentKey
    }
}

extension ContentKey: CustomStringConvertible, CustomReflectable {
    package var description: String { "ContentKey" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
