package import Model

/// Opens runs of chunks of one sealed content, in any order.
package struct ContentOpener: Sendable {
    private let cipher: ContentCipher

    /// Where the content's bytes lie.
    package var layout: SealedLayout { cipher.header.layout }

    /// - Parameters:
    ///   - header: the first 64 bytes.
    ///   - object: whose content it has to be.
    package init(_ header: [UInt8], of object: ObjectID, _ ring: KeyRing) throws(SealError) {
        try self.init(header, ring)
        guard self.object == object else { throw .otherObject }
    }

    /// Whose content it is.
    package var object: ObjectID { cipher.header.object }

    /// - Parameter header: the first 64 bytes of a content of any object.
    package init(_ header: [UInt8], _ ring: KeyRing) throws(SealError) {
        let header = try ContentHeader(header)
        guard let key = ring[header.epoch] else { throw .unknownEpoch(header.epoch) }
        cipher = ContentCipher(header, key)
    }

    /// What chunks in a row hold.
    ///
    /// - Parameters:
    ///   - stored: whole chunks with their tags, as `SealedLayout.run` names them.
    ///   - endsContent: whether the last of them must be the content's last one; else it must not be.
    package func open(
        _ stored: ArraySlice<UInt8>, firstChunk: UInt32, endsContent: Bool
    ) throws(SealError) -> [UInt8] {
        let size = layout.chunkByteCount + SealingLimits.tagByteCount
        guard !stored.isEmpty else { throw .notAuthentic }
        var out: [UInt8] = []
        out.reserveCapacity(stored.count)
        var chunk = firstChunk
        var start = stored.startIndex
        while start < stored.endIndex {
            let end = min(start + size, stored.endIndex)
            let isLast = endsContent && end == stored.endIndex
            guard isLast || end - start == size,
                cipher.open(stored[start..<end], chunk: chunk, isLast: isLast, into: &out)
            else { throw .notAuthentic }
            start = end
            guard start < stored.endIndex else { break }
            guard chunk < UInt32.max else { throw .notAuthentic }
            chunk += 1
        }
        return out
    }

    /// A whole sealed content, opened.
    package static func opened(
        _ bytes: [UInt8], of object: ObjectID, _ ring: KeyRing
    ) throws(SealError) -> [UInt8] {
        guard bytes.count >= ContentHeader.byteCount else { throw .notAuthentic }
        let opener = try ContentOpener(Array(bytes[..<ContentHeader.byteCount]), of: object, ring)
        guard opener.layout.contentByteCount(ofStored: UInt64(bytes.count)) != nil else {
            throw .notAuthentic
        }
        return try opener.open(
            bytes[ContentHeader.byteCount...], firstChunk: 0, endsContent: true)
    }
}
