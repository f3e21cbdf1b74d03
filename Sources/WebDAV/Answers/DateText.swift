internal import Model

/// Dates as bytes. Neighbours in a listing are often of one day, so a day is worked out once.
struct DateText: Sendable {
    private var day: Int64?
    /// `Sun, 06 Nov 1994 `.
    private var httpDay: [UInt8] = []
    /// `1994-11-06T`.
    private var internetDay: [UInt8] = []

    private static let weekdays = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]
    private static let zone = [UInt8](" GMT".utf8)

    init() {}

    /// `Sun, 06 Nov 1994 08:49:37 GMT`: getlastmodified (RFC 4918 section 15.7, RFC 9110 section
    /// 5.6.7).
    mutating func appendHTTP(_ time: Timestamp, to out: inout [UInt8]) {
        let second = enter(time)
        out += httpDay
        DateText.appendClock(second, to: &out)
        out += DateText.zone
    }

    /// `1994-11-06T08:49:37Z`: creationdate (RFC 4918 section 15.1, RFC 3339).
    mutating func appendInternet(_ time: Timestamp, to out: inout [UInt8]) {
        let second = enter(time)
        out += internetDay
        DateText.appendClock(second, to: &out)
        out.append(0x5A)
    }

    /// - Returns: the second of the day.
    private mutating func enter(_ time: Timestamp) -> Int {
        let seconds = time.seconds
        let days = Timestamp.floorDivide(seconds, 86_400)
        if day != days {
            day = days
            let date = Timestamp.civil(days: days)
            let month = Int(date.month)
            // 1970-01-01 was a Thursday.
            let weekday = Int(days - Timestamp.floorDivide(days, 7) * 7)
            httpDay = [UInt8](DateText.weekdays[weekday].utf8) + [0x2C, 0x20]
            DateText.append(Int(date.day), 2, to: &httpDay)
            httpDay.append(0x20)
            httpDay += DateText.months[month - 1].utf8
            httpDay.append(0x20)
            DateText.append(Int(date.year), 4, to: &httpDay)
            httpDay.append(0x20)
            internetDay = []
            DateText.append(Int(date.year), 4, to: &internetDay)
            internetDay.append(0x2D)
            DateText.append(month, 2, to: &internetDay)
            internetDay.append(0x2D)
            DateText.append(Int(date.day), 2, to: &internetDay)
            internetDay.append(0x54)
        }
        return Int(seconds - days * 86_400)
    }

    private static func appendClock(_ second: Int, to out: inout [UInt8]) {
        append(second / 3600, 2, to: &out)
        out.append(0x3A)
        append(second / 60 % 60, 2, to: &out)
        out.append(0x3A)
        append(second % 60, 2, to: &out)
    }

    private static func append(_ number: Int, _ digits: Int, to out: inout [UInt8]) {
        if digits == 4 { append(number / 100, 2, to: &out) }
        out.append(0x30 + UInt8(number / 10 % 10))
        out.append(0x30 + UInt8(number % 10))
    }
}
