/// Where the bytes of a content lie in its sealed form: a header, then chunks of equal size with a tag
/// each, of which the last one may be shorter.
///
/// ```
///   header 64 │ chunk 0 │ tag │ chunk 1 │ tag │ … │ last chunk │ tag
///               C bytes   16                        0 … C bytes
/// ```
/// A content without bytes has one empty chunk: its end is authenticated like any other.
package struct SealedLayout: Equatable, Sendable {
    /// Bytes of content in a whole chunk.
    package let chunkByteCount: Int

    package static let standard = SealedLayout(chunkByteCount: SealingLimits.chunkByteCount)

    /// - Parameter chunkByteCount: a power of two, since the header has its logarithm.
    init(chunkByteCount: Int) {
        precondition(
            chunkByteCount > 0 && chunkByteCount & (chunkByteCount - 1) == 0, "a power of two")
        self.chunkByteCount = chunkByteCount
    }

    private var size: UInt64 { UInt64(chunkByteCount) }
    private var sealedSize: UInt64 { UInt64(chunkByteCount + SealingLimits.tagByteCount) }
    private var headerSize: UInt64 { UInt64(ContentHeader.byteCount) }

    /// The largest content: chunks are counted in 32 bits.
    package var contentByteCountMax: UInt64 { size << 32 }

    /// Chunks of a content of so many bytes.
    func chunkCount(of byteCount: UInt64) -> UInt64 {
        byteCount == 0 ? 1 : (byteCount - 1) / size + 1
    }

    /// Bytes that the sealed form of so many bytes takes.
    package func storedByteCount(of byteCount: UInt64) -> UInt64 {
        precondition(byteCount <= contentByteCountMax, "a content of \(byteCount) bytes")
        return headerSize + byteCount + chunkCount(of: byteCount)
            * UInt64(SealingLimits.tagByteCount)
    }

    /// Bytes of the content whose sealed form takes so many; nil where none does.
    package func contentByteCount(ofStored stored: UInt64) -> UInt64? {
        let tag = UInt64(SealingLimits.tagByteCount)
        guard stored >= headerSize + tag else { return nil }
        let body = stored - headerSize
        let rest = body % sealedSize
        let whole = body / sealedSize
        guard whole + 1 < 1 << 32 else { return nil }
        if rest == 0 { return whole * size }
        // Behind whole chunks an empty one would say nothing.
        guard rest > tag || (rest == tag && whole == 0) else { return nil }
        return whole * size + rest - tag
    }

    /// Chunks in a row: what has to be read to know some bytes of a content.
    package struct Run: Equatable, Sendable {
        package var firstChunk: UInt32
        /// Where they lie in the sealed form.
        package var stored: Range<UInt64>
        /// Which bytes of the content they are.
        package var content: Range<UInt64>
        /// Whether the last of them ends the content.
        package var endsContent: Bool
    }

    /// The chunks that hold `range` of a content of `byteCount` bytes. An empty range has the chunk in
    /// which it lies, so that there is always something to authenticate.
    package func run(covering range: Range<UInt64>, of byteCount: UInt64) -> Run {
        precondition(range.upperBound <= byteCount, "a range outside of the content")
        let last = chunkCount(of: byteCount) - 1
        let first = min(range.lowerBound / size, last)
        let end = range.isEmpty ? first : min((range.upperBound - 1) / size, last)
        let content = first * size..<min((end + 1) * size, byteCount)
        let tags = (end - first + 1) * UInt64(SealingLimits.tagByteCount)
        let start = headerSize + first * sealedSize
        return Run(
            firstChunk: UInt32(first),
            stored: start..<start + (content.upperBound - content.lowerBound) + tags,
            content: content, endsContent: end == last)
    }

    /// The chunks whose sealed form holds `range` of the sealed form of a content of `byteCount` bytes;
    /// `stored` begins at 0, with the header, where the first of them is the content's first.
    package func run(coveringStored range: Range<UInt64>, of byteCount: UInt64) -> Run {
        precondition(
            range.upperBound <= storedByteCount(of: byteCount), "a range outside of the sealed form"
        )
        func chunk(_ offset: UInt64) -> UInt64 {
            offset < headerSize ? 0 : (offset - headerSize) / sealedSize
        }
        let first = min(chunk(range.lowerBound), chunkCount(of: byteCount) - 1)
        let last = range.isEmpty ? first : chunk(range.upperBound - 1)
        let content = first * size..<min((last + 1) * size, byteCount)
        var run = run(covering: content, of: byteCount)
        if first == 0 { run.stored = 0..<run.stored.upperBound }
        return run
    }

    /// Bytes of content in the whole chunks of a sealed form of which so many bytes are there by now.
    package func growingByteCount(ofStored stored: UInt64) -> UInt64 {
        stored < headerSize ? 0 : (stored - headerSize) / sealedSize * size
    }
}
