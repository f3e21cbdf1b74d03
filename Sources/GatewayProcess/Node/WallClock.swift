internal import Glibc
internal import Model
internal import NIOCore

/// The wall clock: for dates that users see, and the time part of operation ids.
enum WallClock {
    static func now() -> Timestamp {
        var time = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }
}

/// The value of the Date field, made once a second.
struct DateCache {
    private var seconds: Int64 = -1
    private(set) var text: [UInt8] = []

    mutating func text(at now: Timestamp) -> [UInt8] {
        let present = now.seconds
        if present != seconds {
            seconds = present
            text = HTTPDate.format(unixSeconds: present)
        }
        return text
    }
}
