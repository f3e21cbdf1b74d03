import Model
import Testing

@testable import Sealing

/// Sealed pages.
@Suite struct PageTests {
    private struct Record {
        var sealed: [UInt8]
        var trailer: [UInt8]
    }

    private func seal(
        _ sealer: PageSealer, _ plain: [UInt8], _ role: PageSealer.Role = .page, _ index: UInt64 = 1
    ) -> Record {
        var record = Record(
            sealed: [UInt8](repeating: 0, count: plain.count),
            trailer: [UInt8](repeating: 0, count: PageSealer.trailerByteCount))
        plain.withUnsafeBytes { plain in
            record.sealed.withUnsafeMutableBytes { sealed in
                record.trailer.withUnsafeMutableBytes { trailer in
                    sealer.seal(plain, role, index, into: sealed, trailer: trailer)
                }
            }
        }
        return record
    }

    private func open(
        _ sealer: PageSealer, _ record: Record, _ role: PageSealer.Role = .page,
        _ index: UInt64 = 1
    ) -> [UInt8]? {
        var plain = [UInt8](repeating: 0, count: record.sealed.count)
        let isAuthentic = record.sealed.withUnsafeBytes { sealed in
            record.trailer.withUnsafeBytes { trailer in
                plain.withUnsafeMutableBytes {
                    sealer.open(sealed, role, index, trailer: trailer, into: $0)
                }
            }
        }
        return isAuthentic ? plain : nil
    }

    private func sealer(_ seed: UInt64, _ ring: KeyRing) -> PageSealer {
        var generator = SplitMix64(seed: seed)
        return PageSealer(ring, using: &generator)
    }

    private let plain = [UInt8](repeating: 0x41, count: 52)

    @Test func aPageOpensInItsPlaceAlone() {
        let sealer = sealer(1, .test(seed: 1))
        let record = seal(sealer, plain, .page, 7)
        #expect(open(sealer, record, .page, 7) == plain)
        #expect(open(sealer, record, .page, 8) == nil)
        #expect(open(sealer, record, .frame, 7) == nil)
        #expect(open(sealer, record, .frameHeader, 7) == nil)
    }

    @Test func aFlippedBitAnywhereIsNoticed() {
        let sealer = sealer(1, .test(seed: 1))
        let record = seal(sealer, plain)
        for index in record.sealed.indices {
            var bad = record
            bad.sealed[index] ^= 0x10
            #expect(open(sealer, bad) == nil)
        }
        for index in record.trailer.indices {
            var bad = record
            bad.trailer[index] ^= 0x10
            #expect(open(sealer, bad) == nil)
        }
        #expect(
            open(
                sealer,
                Record(
                    sealed: [UInt8](repeating: 0, count: 52),
                    trailer: [UInt8](repeating: 0, count: PageSealer.trailerByteCount))) == nil)
    }

    @Test func laterLivesOpenWhatEarlierOnesSealed() throws {
        var generator = SplitMix64(seed: 9)
        let ring = KeyRing.test(seed: 1)
        let record = seal(sealer(1, ring), plain)
        #expect(open(sealer(2, ring), record) == plain)
        let later = try #require(ring.adding(using: &generator))
        #expect(open(sealer(3, later), record) == plain)
        #expect(open(sealer(4, later.droppingOld()), record) == nil)
        #expect(open(sealer(5, .test(seed: 2)), record) == nil)
    }

    /// Under one key no nonce comes twice: neither within a life nor in the next one.
    @Test func theSamePageIsNeverSealedAlike() {
        let ring = KeyRing.test(seed: 1)
        var trailers: Set<[UInt8]> = []
        var sealed: Set<[UInt8]> = []
        for life in UInt64(0)..<20 {
            let sealer = sealer(life, ring)
            for _ in 0..<50 {
                let record = seal(sealer, plain)
                trailers.insert(Array(record.trailer[..<28]))
                sealed.insert(record.sealed)
            }
        }
        #expect(trailers.count == 1000)
        #expect(sealed.count == 1000)
    }

    @Test func theFormatStaysWhatItIs() {
        let record = seal(sealer(43, .test(seed: 42)), [UInt8]("golden".utf8), .frame, 5)
        #expect(Hex.encode(record.sealed + record.trailer) == Golden.page)
    }
}
