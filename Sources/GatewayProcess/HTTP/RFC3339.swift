internal import Model

/// Times as JSON and the X-ClusterF headers have them (RFC 3339, section 5.6).
enum RFC3339 {
    /// `2026-01-02T03:04:05.123456789Z`; zeros at the end of the fraction are left out.
    static func format(_ time: Timestamp) -> [UInt8] {
        let seconds = time.seconds
        let civil = CivilTime(unixSeconds: seconds)
        var fraction = Int(time.nanoseconds - seconds * 1_000_000_000)
        var out: [UInt8] = []
        out.reserveCapacity(30)
        HTTPDate.append(civil.year, digits: 4, to: &out)
        out.append(0x2D)
        HTTPDate.append(civil.month, digits: 2, to: &out)
        out.append(0x2D)
        HTTPDate.append(civil.day, digits: 2, to: &out)
        out.append(0x54)
        HTTPDate.append(civil.hour, digits: 2, to: &out)
        out.append(0x3A)
        HTTPDate.append(civil.minute, digits: 2, to: &out)
        out.append(0x3A)
        HTTPDate.append(civil.second, digits: 2, to: &out)
        if fraction > 0 {
            var digits = 9
            while fraction.isMultiple(of: 10) {
                fraction /= 10
                digits -= 1
            }
            out.append(0x2E)
            HTTPDate.append(fraction, digits: digits, to: &out)
        }
        out.append(0x5A)
        return out
    }

    /// The moment that `bytes` write, or nil: with `Z` or an offset, with or without a fraction,
    /// of which nine digits count, between the years 1678 and 2261 (what 64 bits of nanoseconds
    /// hold).
    static func parse(_ bytes: ArraySlice<UInt8>) -> Timestamp? {
        var scanner = DateScanner(bytes)
        guard let year = scanner.number(4), scanner.take("-"), let month = scanner.number(2),
            scanner.take("-"), let day = scanner.number(2),
            scanner.take(either: 0x54, or: 0x74) || scanner.take(" "),
            let hour = scanner.number(2), scanner.take(":"), let minute = scanner.number(2),
            scanner.take(":"), let second = scanner.number(2)
        else { return nil }
        let civil = CivilTime(
            year: year, month: month, day: day, hour: hour, minute: minute, second: second)
        guard civil.isValid, (1678...2261).contains(year) else { return nil }
        guard let nanoseconds = fraction(&scanner), let offset = offset(&scanner),
            scanner.isAtEnd
        else { return nil }
        let (scaled, overflow) = (civil.unixSeconds - offset)
            .multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, overflowToo) = scaled.addingReportingOverflow(nanoseconds)
        return overflow || overflowToo ? nil : Timestamp(nanoseconds: sum)
    }

    private static func fraction(_ scanner: inout DateScanner) -> Int64? {
        guard scanner.take(".") else { return 0 }
        let digits = scanner.digits()
        if digits.isEmpty { return nil }
        var value: Int64 = 0
        var count = 0
        for digit in digits.prefix(9) {
            value = value * 10 + Int64(digit - 0x30)
            count += 1
        }
        while count < 9 {
            value *= 10
            count += 1
        }
        return value
    }

    /// Seconds east of Greenwich.
    private static func offset(_ scanner: inout DateScanner) -> Int64? {
        if scanner.take(either: 0x5A, or: 0x7A) { return 0 }
        let isEast = scanner.take("+")
        guard isEast || scanner.take("-"), let hours = scanner.number(2), scanner.take(":"),
            let minutes = scanner.number(2), hours < 24, minutes < 60
        else { return nil }
        let seconds = Int64(hours * 3600 + minutes * 60)
        return isEast ? seconds : -seconds
    }
}
