internal import Model

/// Objects that were marked as damaged a moment ago. A second verdict may be older than a repair that came
/// after the first: within `StoreLimits.markInterval` it marks nothing; whoever reads it later finds it again.
struct RecentMarks {
    private var times: [ObjectID: Duration] = [:]

    var count: Int { times.count }

    /// - Returns: whether the object is to be marked.
    mutating func insert(_ object: ObjectID, now: Duration) -> Bool {
        func isOld(_ time: Duration) -> Bool { now - time >= StoreLimits.markInterval }
        if let time = times[object], !isOld(time) { return false }
        if times.count >= StoreLimits.recentMarksMax {
            times = times.filter { !isOld($0.value) }
            // Of a disk that is damaged all over nobody else has repaired so much in that time.
            if times.count >= StoreLimits.recentMarksMax { times = [:] }
        }
        times[object] = now
        return true
    }
}
