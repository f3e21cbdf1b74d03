extension Timestamp {
    /// The time for logs and tables, in UTC: `2026-11-23T12:00:00.123Z` (RFC 3339).
    package var text: String {
        let milliseconds = Timestamp.floorDivide(nanoseconds, 1_000_000)
        let days = Timestamp.floorDivide(seconds, 86_400)
        let (year, month, day) = Timestamp.civil(days: days)
        let second = seconds - days * 86_400
        let padded = Timestamp.padded
        let parts = [
            padded(year, 4), "-", padded(month, 2), "-", padded(day, 2), "T",
            padded(second / 3600, 2), ":", padded(second / 60 % 60, 2), ":",
            padded(second % 60, 2), ".", padded(milliseconds - seconds * 1000, 3), "Z",
        ]
        return parts.joined()
    }

    /// The date that many days after 1970-01-01 (Hinnant, "chrono-compatible low-level date
    /// algorithms": years of the algorithm start in March, so that the leap day is the last).
    package static func civil(days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = days + 719_468
        let era = floorDivide(shifted, 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let march = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * march + 2) / 5 + 1
        let month = march < 10 ? march + 3 : march - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }

    /// The quotient, rounded down.
    package static func floorDivide(_ value: Int64, _ divisor: Int64) -> Int64 {
        let quotient = value / divisor
        return value % divisor < 0 ? quotient - 1 : quotient
    }

    private static func padded(_ value: Int64, _ width: Int) -> String {
        let digits = String(value)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}
