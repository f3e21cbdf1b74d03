import Model
import Testing

@testable import Sealing

/// Where sealed bytes lie, on chunks small enough to try every size.
@Suite struct LayoutTests {
    private let layout = SealedLayout(chunkByteCount: 4)

    @Test func everySizeHasItsStoredSizeAndBack() {
        var sizes: [UInt64: UInt64] = [:]
        for count in UInt64(0)...41 {
            let stored = layout.storedByteCount(of: count)
            let chunks = max(1, (count + 3) / 4)
            #expect(stored == 64 + count + 16 * chunks)
            #expect(layout.contentByteCount(ofStored: stored) == count)
            sizes[stored] = count
        }
        let largest = layout.storedByteCount(of: 41)
        for stored in 0...largest {
            #expect(layout.contentByteCount(ofStored: stored) == sizes[stored])
        }
    }

    @Test func theStandardChunkIsThatOfTheFormat() {
        #expect(SealedLayout.standard.chunkByteCount == 65_536)
        #expect(SealedLayout.standard.storedByteCount(of: 0) == 80)
        #expect(SealedLayout.standard.storedByteCount(of: 65_536) == 64 + 65_536 + 16)
        #expect(SealedLayout.standard.storedByteCount(of: 65_537) == 64 + 65_537 + 32)
        #expect(SealedLayout.standard.contentByteCount(ofStored: .max) == nil)
        // 1 TiB, the largest body, and far more.
        #expect(SealedLayout.standard.contentByteCountMax == 1 << 48)
    }

    @Test func everyStretchOfTheSealedFormIsCovered() {
        for count in UInt64(0)...9 {
            let stored = layout.storedByteCount(of: count)
            for start in 0...stored {
                for end in start...stored {
                    let run = layout.run(coveringStored: start..<end, of: count)
                    #expect(run.stored.lowerBound <= start && run.stored.upperBound >= end)
                    #expect((run.stored.lowerBound == 0) == (run.firstChunk == 0))
                    #expect(run.content.lowerBound == UInt64(run.firstChunk) * 4)
                    #expect(run.endsContent == (run.stored.upperBound == stored))
                }
            }
        }
    }

    @Test func everyRangeIsCoveredByTheFewestChunks() {
        for count in UInt64(0)...17 {
            for start in 0...count {
                for end in start...count {
                    let run = layout.run(covering: start..<end, of: count)
                    #expect(run.content.lowerBound <= start && run.content.upperBound >= end)
                    #expect(run.content.lowerBound == UInt64(run.firstChunk) * 4)
                    #expect(run.endsContent == (run.content.upperBound == count))
                    let chunks = (run.content.upperBound - run.content.lowerBound + 3) / 4
                    #expect(run.stored.lowerBound == 64 + UInt64(run.firstChunk) * 20)
                    #expect(
                        run.stored.upperBound - run.stored.lowerBound
                            == run.content.upperBound - run.content.lowerBound + 16 * max(1, chunks)
                    )
                    #expect(run.stored.upperBound <= layout.storedByteCount(of: count))
                    if end > start { #expect(chunks <= (end - 1) / 4 - start / 4 + 1) }
                }
            }
        }
    }
}
