import Model
import Testing

@testable import GatewayProcess

@Suite struct DateTests {
    static let moment: Int64 = 784_111_777

    @Test(arguments: [
        "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
    ])
    func everyFormOfAnHTTPDateIsRead(_ text: String) {
        #expect(HTTPDate.parse([UInt8](text.utf8)[...], presentYear: 2026) == Self.moment)
    }

    @Test(arguments: [
        "", "Sun", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 GMT ",
        "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:00:00 GMT",
        "Son, 06 Nov 1994 08:49:37 GMT", "Sun, 6 Nov 1994 08:49:37 GMT",
    ])
    func whatIsNoHTTPDateIsNotRead(_ text: String) {
        #expect(HTTPDate.parse([UInt8](text.utf8)[...], presentYear: 2026) == nil)
    }

    @Test func twoDigitYearsAreAtMostFiftyYearsAhead() throws {
        func year(_ short: String) throws -> Int {
            let text = "Sunday, 06-Nov-\(short) 08:49:37 GMT"
            let seconds = try #require(
                HTTPDate.parse([UInt8](text.utf8)[...], presentYear: 2026))
            return CivilTime(unixSeconds: seconds).year
        }
        #expect(try year("76") == 2076)
        #expect(try year("77") == 1977)
    }

    @Test func httpDatesAreWrittenAsTheStandardShows() {
        let text = String(decoding: HTTPDate.format(unixSeconds: Self.moment), as: UTF8.self)
        #expect(text == "Sun, 06 Nov 1994 08:49:37 GMT")
    }

    @Test func civilTimeGoesThereAndBack() {
        var rng = SplitMix64(seed: 7)
        for _ in 0..<2000 {
            let seconds = Int64.random(in: -62_135_596_800...253_402_300_799, using: &rng)
            let civil = CivilTime(unixSeconds: seconds)
            #expect(civil.isValid)
            #expect(civil.unixSeconds == seconds)
        }
    }

    @Test func leapDaysAndWeekdays() {
        let leap = CivilTime(year: 2024, month: 2, day: 29, hour: 0, minute: 0, second: 0)
        #expect(leap.isValid)
        #expect(leap.weekday == 4)
        #expect(CivilTime(unixSeconds: leap.unixSeconds) == leap)
        let none = CivilTime(year: 1900, month: 2, day: 29, hour: 0, minute: 0, second: 0)
        #expect(!none.isValid)
        #expect(CivilTime(unixSeconds: -1).weekday == 3)
    }

    @Test(arguments: [
        ("1970-01-01T00:00:00Z", 0), ("1970-01-01T00:00:00.5Z", 500_000_000),
        ("1970-01-01t01:00:00+01:00", 0), ("1969-12-31T23:59:59.999999999Z", -1),
        ("2026-01-02T03:04:05.123456789Z", 1_767_323_045_123_456_789),
        ("1970-01-01T00:00:00.1234567891234Z", 123_456_789),
    ])
    func timesOfRFC3339AreRead(_ text: String, _ nanoseconds: Int64) {
        #expect(
            RFC3339.parse([UInt8](text.utf8)[...]) == Timestamp(nanoseconds: nanoseconds))
    }

    @Test(arguments: [
        "", "0", "1700000000", "1970-01-01", "1970-01-01T00:00:00", "1970-13-01T00:00:00Z",
        "1970-01-01T00:00:00.Z", "1970-01-01T00:00:00+25:00", "1970-01-01T00:00:00Zx",
        "0001-01-01T00:00:00Z", "9999-01-01T00:00:00Z",
    ])
    func whatIsNoTimeIsNotRead(_ text: String) {
        #expect(RFC3339.parse([UInt8](text.utf8)[...]) == nil)
    }

    @Test func writtenTimesAreReadAsTheyWere() {
        var rng = SplitMix64(seed: 8)
        for _ in 0..<1000 {
            let range = Int64(-9_000_000_000_000_000_000)...9_000_000_000_000_000_000
            let time = Timestamp(nanoseconds: Int64.random(in: range, using: &rng))
            #expect(RFC3339.parse(RFC3339.format(time)[...]) == time)
        }
    }
}
