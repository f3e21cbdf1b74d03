import Testing

@testable import GatewayProcess

@Suite struct RangesTests {
    private func ranges(_ text: String, of byteCount: UInt64 = 10) -> ByteRanges {
        ByteRanges([UInt8](text.utf8)[...], byteCount: byteCount)
    }

    @Test(arguments: [
        ("bytes=0-0", 0..<1), ("bytes=0-", 0..<10), ("bytes=3-5", 3..<6), ("bytes=-3", 7..<10),
        ("bytes=-99", 0..<10), ("bytes=9-99", 9..<10), ("bytes= 1 - 2 ", 1..<3),
        ("bytes=,2-3,", 2..<4), ("BYTES=1-1", 1..<2), ("bytes=5-6,20-", 5..<7),
    ])
    func oneRangeIsFitted(_ text: String, _ part: Range<Int>) {
        #expect(
            ranges(text) == .parts([UInt64(part.lowerBound)..<UInt64(part.upperBound)]))
    }

    @Test(arguments: [
        "", "bytes", "bytes=", "bytes=a-b", "bytes=5-3", "bytes=-", "items=0-1", "bytes=1",
        "bytes=0-5,3-8", "bytes=99999999999999999999-", "bytes=0-0,x",
    ])
    func whatIsNoRangeMeansTheWhole(_ text: String) {
        #expect(ranges(text) == .whole)
    }

    @Test(arguments: ["bytes=10-", "bytes=10-20", "bytes=-0", "bytes=11-,12-"])
    func whatLiesOutsideIsUnsatisfiable(_ text: String) {
        #expect(ranges(text) == .unsatisfiable)
    }

    @Test func nothingLiesInAnEmptyFile() {
        #expect(ranges("bytes=0-", of: 0) == .unsatisfiable)
        #expect(ranges("bytes=-1", of: 0) == .unsatisfiable)
    }

    @Test func severalRangesKeepTheirOrder() {
        #expect(ranges("bytes=8-9,0-1") == .parts([8..<10, 0..<2]))
    }

    @Test func tooManyRangesMeanTheWhole() {
        let many = (0...GatewayLimits.rangeCountMax).map { "\($0 * 2)-\($0 * 2)" }
        #expect(ranges("bytes=" + many.joined(separator: ","), of: 1000) == .whole)
        let most = many.dropLast().joined(separator: ",")
        #expect(ranges("bytes=" + most, of: 1000) != .whole)
    }
}
