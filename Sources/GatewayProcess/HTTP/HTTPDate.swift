/// Dates as HTTP writes them (RFC 9110, section 5.6.7).
enum HTTPDate {
    private static let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"].map {
        [UInt8]($0.utf8)
    }
    private static let longDays = [
        "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday",
    ].map { [UInt8]($0.utf8) }
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ].map { [UInt8]($0.utf8) }

    /// `Sun, 06 Nov 1994 08:49:37 GMT`.
    static func format(unixSeconds: Int64) -> [UInt8] {
        let time = CivilTime(unixSeconds: unixSeconds)
        var out: [UInt8] = []
        out.reserveCapacity(29)
        out += days[time.weekday]
        out += [0x2C, 0x20]
        append(time.day, digits: 2, to: &out)
        out.append(0x20)
        out += months[time.month - 1]
        out.append(0x20)
        append(time.year, digits: 4, to: &out)
        out.append(0x20)
        append(time.hour, digits: 2, to: &out)
        out.append(0x3A)
        append(time.minute, digits: 2, to: &out)
        out.append(0x3A)
        append(time.second, digits: 2, to: &out)
        out += [0x20, 0x47, 0x4D, 0x54]
        return out
    }

    static func append(_ number: Int, digits: Int, to out: inout [UInt8]) {
        if digits == 2 {
            out.append(0x30 + UInt8(number / 10))
            out.append(0x30 + UInt8(number % 10))
            return
        }
        var divisor = 1
        for _ in 1..<digits { divisor *= 10 }
        while divisor > 0 {
            out.append(0x30 + UInt8(number / divisor % 10))
            divisor /= 10
        }
    }

    /// Seconds since 1970 of a date in any of the three forms; nil for anything else.
    ///
    /// - Parameter year: the present year, for the form with two digits of it: one that seems more
    ///   than 50 years ahead is of the century before.
    static func parse(_ bytes: ArraySlice<UInt8>, presentYear: Int) -> Int64? {
        let time =
            imfFixdate(bytes) ?? rfc850(bytes, presentYear: presentYear) ?? asctime(bytes)
        guard let time, time.isValid else { return nil }
        return time.unixSeconds
    }

    private static func imfFixdate(_ bytes: ArraySlice<UInt8>) -> CivilTime? {
        var scanner = DateScanner(bytes)
        guard scanner.word(of: days) != nil, scanner.take(", "), let day = scanner.number(2),
            scanner.take(" "), let month = scanner.word(of: months), scanner.take(" "),
            let year = scanner.number(4), scanner.take(" "), let clock = clock(&scanner),
            scanner.take(" GMT"), scanner.isAtEnd
        else { return nil }
        return CivilTime(
            year: year, month: month + 1, day: day, hour: clock.0, minute: clock.1,
            second: clock.2)
    }

    private static func rfc850(_ bytes: ArraySlice<UInt8>, presentYear: Int) -> CivilTime? {
        var scanner = DateScanner(bytes)
        guard scanner.word(of: longDays) != nil, scanner.take(", "), let day = scanner.number(2),
            scanner.take("-"), let month = scanner.word(of: months), scanner.take("-"),
            let short = scanner.number(2), scanner.take(" "), let clock = clock(&scanner),
            scanner.take(" GMT"), scanner.isAtEnd
        else { return nil }
        var year = presentYear / 100 * 100 + short
        if year > presentYear + 50 { year -= 100 }
        return CivilTime(
            year: year, month: month + 1, day: day, hour: clock.0, minute: clock.1,
            second: clock.2)
    }

    private static func asctime(_ bytes: ArraySlice<UInt8>) -> CivilTime? {
        var scanner = DateScanner(bytes)
        guard scanner.word(of: days) != nil, scanner.take(" "),
            let month = scanner.word(of: months), scanner.take(" ")
        else { return nil }
        let isShort = scanner.take(" ")
        guard let day = scanner.number(isShort ? 1 : 2), scanner.take(" "),
            let clock = clock(&scanner), scanner.take(" "), let year = scanner.number(4),
            scanner.isAtEnd
        else { return nil }
        return CivilTime(
            year: year, month: month + 1, day: day, hour: clock.0, minute: clock.1,
            second: clock.2)
    }

    private static func clock(_ scanner: inout DateScanner) -> (Int, Int, Int)? {
        guard let hour = scanner.number(2), scanner.take(":"), let minute = scanner.number(2),
            scanner.take(":"), let second = scanner.number(2)
        else { return nil }
        return (hour, minute, second)
    }
}
