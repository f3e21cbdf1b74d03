import Model
import Testing

@testable import Sealing

/// Sealed contents: what was sealed opens, and nothing else does.
@Suite struct ContentTests {
    private let layout = SealedLayout(chunkByteCount: 4)
    private let ring: KeyRing
    private let object: ObjectID

    init() {
        var generator = SplitMix64(seed: 1)
        ring = KeyRing(using: &generator)
        object = ObjectID(using: &generator)
    }

    private func bytes(_ count: Int) -> [UInt8] { (0..<count).map { UInt8($0 & 255) } }

    private func sealed(
        _ count: Int, seed: UInt64 = 2, of other: ObjectID? = nil, _ keys: KeyRing? = nil
    ) -> [UInt8] {
        var generator = SplitMix64(seed: seed)
        return ContentSealer.sealed(
            bytes(count), other ?? object, keys ?? ring, layout: layout, using: &generator)
    }

    private func opens(_ bytes: [UInt8], as other: ObjectID? = nil) -> Bool {
        (try? ContentOpener.opened(bytes, of: other ?? object, ring)) != nil
    }

    @Test func whatIsSealedOpens() throws {
        for count in 0...21 {
            let stored = sealed(count)
            #expect(UInt64(stored.count) == layout.storedByteCount(of: UInt64(count)))
            #expect(try ContentOpener.opened(stored, of: object, ring) == bytes(count))
        }
        var generator = SplitMix64(seed: 3)
        let large = (0..<200_001).map { _ in UInt8.random(in: 0...255, using: &generator) }
        let stored = ContentSealer.sealed(large, object, ring, using: &generator)
        #expect(try ContentOpener.opened(stored, of: object, ring) == large)
    }

    @Test func nothingOfTheContentIsInTheSealedForm() {
        let phrase = [UInt8]("a phrase that is easily found again".utf8)
        var generator = SplitMix64(seed: 3)
        let stored = ContentSealer.sealed(phrase, object, ring, using: &generator)
        for start in 0..<(phrase.count - 4) {
            let part = phrase[start..<start + 4]
            #expect(!stored.indices.dropLast(3).contains { stored[$0..<$0 + 4] == part })
        }
    }

    /// However the bytes come, they are sealed as if they came at once.
    @Test(arguments: 1...9) func sealingByPartsMakesTheSame(_ part: Int) {
        var generator = SplitMix64(seed: 2)
        var sealer = ContentSealer(object, ring, layout: layout, using: &generator)
        var out = sealer.header
        for start in stride(from: 0, to: 21, by: part) {
            sealer.seal(bytes(21)[start..<min(start + part, 21)], into: &out)
        }
        sealer.finish(into: &out)
        #expect(out == sealed(21))
    }

    @Test func aSealerGoesOnWhereAnotherOneEnded() throws {
        let whole = sealed(21)
        for chunk in UInt32(0)...5 {
            let header = try ContentHeader(Array(whole[..<64]))
            var sealer = try ContentSealer(resuming: header, ring, chunk: chunk)
            var out = Array(whole[..<(64 + 20 * Int(chunk))])
            sealer.seal(bytes(21)[(4 * Int(chunk))...], into: &out)
            sealer.finish(into: &out)
            #expect(out == whole)
        }
    }

    @Test func everyRunOfChunksOpensAsWhatItHolds() throws {
        for count in [0, 3, 4, 8, 17] {
            let stored = sealed(count)
            let opener = try ContentOpener(Array(stored[..<64]), of: object, ring)
            for start in 0...count {
                for end in start...count {
                    let run = layout.run(
                        covering: UInt64(start)..<UInt64(end), of: UInt64(count))
                    let part = stored[Int(run.stored.lowerBound)..<Int(run.stored.upperBound)]
                    let content = try opener.open(
                        part, firstChunk: run.firstChunk, endsContent: run.endsContent)
                    let range = Int(run.content.lowerBound)..<Int(run.content.upperBound)
                    #expect(content == Array(bytes(count)[range]))
                    // The same bytes as another chunk, or as what they are not.
                    for wrong in [run.firstChunk &+ 1, run.firstChunk &- 1] {
                        #expect(throws: SealError.notAuthentic) {
                            try opener.open(part, firstChunk: wrong, endsContent: run.endsContent)
                        }
                    }
                    #expect(throws: SealError.notAuthentic) {
                        try opener.open(
                            part, firstChunk: run.firstChunk, endsContent: !run.endsContent)
                    }
                }
            }
        }
    }

    @Test func aFlippedBitAnywhereIsNoticed() {
        for count in [0, 1, 4, 9] {
            let stored = sealed(count)
            for index in stored.indices {
                for bit in 0..<8 {
                    var bad = stored
                    bad[index] ^= 1 << UInt8(bit)
                    #expect(!opens(bad), "byte \(index), bit \(bit) of \(count)")
                }
            }
        }
    }

    @Test func everyTruncationAndEveryTailIsNoticed() {
        for count in [0, 1, 4, 8, 13] {
            let stored = sealed(count)
            for end in 0..<stored.count { #expect(!opens(Array(stored[..<end]))) }
            for more in 1...40 {
                #expect(!opens(stored + [UInt8](repeating: 0, count: more)))
                #expect(!opens(stored + stored.suffix(more)))
            }
        }
    }

    @Test func chunksThatWereMovedLeftOutOrTakenTwiceAreNoticed() {
        let stored = sealed(16)
        let header = Array(stored[..<64])
        let chunks = (0..<4).map { Array(stored[(64 + 20 * $0)..<(84 + 20 * $0)]) }
        // Every sequence of up to five of the four chunks but the right one.
        var sequences: [[Int]] = [[]]
        for _ in 0..<5 {
            sequences += sequences.flatMap { sequence in (0..<4).map { sequence + [$0] } }
        }
        for sequence in Set(sequences) where sequence != [0, 1, 2, 3] {
            #expect(!opens(header + sequence.flatMap { chunks[$0] }), "\(sequence)")
        }
    }

    @Test func partsOfOtherContentsAreNoticed() {
        let stored = sealed(12)
        let other = ObjectID(bits: Bits128(high: 7, low: 7))
        // Of another object, of the same one sealed anew, and of one under another key.
        for foreign in [
            sealed(12, of: other), sealed(12, seed: 9), sealed(12, seed: 11, KeyRing.test(seed: 5)),
        ] {
            for chunk in 0..<3 {
                var mixed = stored
                let range = (64 + 20 * chunk)..<(84 + 20 * chunk)
                mixed.replaceSubrange(range, with: foreign[range])
                #expect(!opens(mixed))
            }
            var mixed = stored
            mixed.replaceSubrange(0..<64, with: foreign[..<64])
            #expect(!opens(mixed))
            #expect(!opens(mixed, as: other))
        }
        #expect(throws: SealError.otherObject) {
            try ContentOpener.opened(sealed(12, of: other), of: object, ring)
        }
    }

    @Test func eachEpochOpensWithItsOwnKey() throws {
        var generator = SplitMix64(seed: 4)
        let both = try #require(ring.adding(using: &generator))
        #expect(both.current.epoch == 2)
        let old = sealed(9)
        let new = sealed(9, both)
        #expect(try ContentHeader(Array(new[..<64])).epoch == 2)
        #expect(try ContentOpener.opened(old, of: object, both) == bytes(9))
        #expect(try ContentOpener.opened(new, of: object, both) == bytes(9))
        #expect(throws: SealError.unknownEpoch(2)) {
            try ContentOpener.opened(new, of: object, ring)
        }
        #expect(throws: SealError.unknownEpoch(1)) {
            try ContentOpener.opened(old, of: object, both.droppingOld())
        }
        // The chunks of one epoch under the header of the other.
        #expect(throws: SealError.notAuthentic) {
            try ContentOpener.opened(Array(new[..<64]) + old[64...], of: object, both)
        }
    }

    @Test func newerFormatsAreSaidToBeUnknown() {
        var stored = sealed(4)
        stored[8] = 2
        #expect(throws: SealError.unknownFormat) {
            try ContentOpener.opened(stored, of: object, ring)
        }
    }

    /// The bytes of the format: the fixture is what a disk has.
    @Test func theFormatStaysWhatItIs() throws {
        let ring = KeyRing.test(seed: 42)
        let object = ObjectID(
            bits: Bits128(high: 0x0011_2233_4455_6677, low: 0x8899_AABB_CCDD_EEFF))
        var generator = SplitMix64(seed: 43)
        let stored = ContentSealer.sealed(
            [UInt8]("golden".utf8), object, ring, layout: layout, using: &generator)
        #expect(Hex.encode(stored) == Golden.content)
        #expect(
            try ContentOpener.opened(stored, of: object, ring) == [UInt8]("golden".utf8))
    }
}

extension KeyRing {
    static func test(seed: UInt64) -> KeyRing {
        var generator = SplitMix64(seed: seed)
        return KeyRing(using: &generator)
    }
}
