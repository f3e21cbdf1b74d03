package import Model

/// Seals one content from its beginning to its end, as its bytes come.
///
/// A whole chunk waits until more bytes show that it is not the last one, so at most one chunk of
/// content is held. Each content is sealed once under its header: sealing other bytes under it would
/// use nonces twice.
package struct ContentSealer: Sendable {
    /// The bytes that stand before the first chunk.
    package let header: [UInt8]
    private let cipher: ContentCipher
    private var waiting: [UInt8] = []
    private var chunk: UInt32 = 0

    private var size: Int { cipher.header.layout.chunkByteCount }

    /// Begins a content under the ring's current key, with a random salt.
    package init(
        _ object: ObjectID, _ ring: KeyRing, layout: SealedLayout = .standard,
        using generator: inout some RandomNumberGenerator
    ) {
        cipher = ContentCipher(
            ContentHeader(
                epoch: ring.current.epoch, object: object,
                salt: RandomBytes.make(SealingLimits.saltByteCount, using: &generator),
                layout: layout), ring.current)
        header = cipher.header.bytes
    }

    /// Goes on with a content whose first `chunk` chunks are sealed: with the bytes that follow them, and
    /// only with those that followed them before if some of these were sealed once.
    package init(
        resuming header: ContentHeader, _ ring: KeyRing, chunk: UInt32
    ) throws(SealError) {
        guard let key = ring[header.epoch] else { throw .unknownEpoch(header.epoch) }
        cipher = ContentCipher(header, key)
        self.header = header.bytes
        self.chunk = chunk
    }

    /// Goes on with the chunk `chunk` of the content whose key this is; see `init(resuming:)`.
    package init(_ key: ContentKey, chunk: UInt32) throws(SealError) {
        cipher = try ContentCipher(key)
        header = key.header
        self.chunk = chunk
    }

    /// Bytes of the content, from its beginning, whose sealed form is in what was put out.
    package var sealedByteCount: UInt64 { UInt64(chunk) * UInt64(size) }

    /// Where the next chunk lies in the sealed form.
    package var storedByteCount: UInt64 {
        UInt64(ContentHeader.byteCount) + UInt64(chunk) * UInt64(size + SealingLimits.tagByteCount)
    }

    /// Appends the sealed form of what can be sealed by now to `out`.
    package mutating func seal(_ bytes: some Collection<UInt8>, into out: inout [UInt8]) {
        waiting.append(contentsOf: bytes)
        var start = 0
        while waiting.count - start > size {
            cipher.seal(waiting[start..<start + size], chunk: chunk, isLast: false, into: &out)
            precondition(chunk < UInt32.max, "a content of more chunks than can be counted")
            chunk += 1
            start += size
        }
        if start > 0 { waiting.removeFirst(start) }
    }

    /// Appends a whole chunk that waits, of which is known that more will follow, though not now.
    package mutating func flush(into out: inout [UInt8]) {
        guard waiting.count == size else { return }
        cipher.seal(waiting[...], chunk: chunk, isLast: false, into: &out)
        chunk += 1
        waiting = []
    }

    /// Appends the last chunk to `out`.
    package consuming func finish(into out: inout [UInt8]) {
        cipher.seal(waiting[...], chunk: chunk, isLast: true, into: &out)
    }

    /// A whole content, sealed.
    package static func sealed(
        _ bytes: [UInt8], _ object: ObjectID, _ ring: KeyRing, layout: SealedLayout = .standard,
        using generator: inout some RandomNumberGenerator
    ) -> [UInt8] {
        var sealer = ContentSealer(object, ring, layout: layout, using: &generator)
        var out = sealer.header
        out.reserveCapacity(Int(layout.storedByteCount(of: UInt64(bytes.count))))
        sealer.seal(bytes, into: &out)
        sealer.finish(into: &out)
        return out
    }
}
