internal import Synchronization

/// How fast contents are checked: a rate that is kept over time, with no credit for having been slow.
struct ScrubPace: Sendable {
    /// When the next byte may be read.
    private var next = Duration.zero

    /// How long to wait after `byteCount` bytes were read at a rate of so many a second.
    mutating func delay(after byteCount: Int, at rate: UInt64, now: Duration) -> Duration {
        next = max(next, now) + .seconds(Double(byteCount) / Double(max(1, rate)))
        return next - now
    }

    /// Whoever waited waits no more.
    mutating func reset() { next = .zero }

    /// The rate that counts, in bytes a second; nil: as fast as it goes.
    ///
    /// - Parameters:
    ///   - background: what the cluster's settings say.
    ///   - isRequested: somebody waits for the end.
    ///   - isBusy: clients are being answered: they come first.
    static func rate(background: UInt64, isRequested: Bool, isBusy: Bool) -> UInt64? {
        if isRequested { return isBusy ? max(background, StoreLimits.scrubRateBesideClients) : nil }
        return isBusy ? background / StoreLimits.scrubBusyPart : background
    }
}

/// What the scrub's thread goes by, set on the loop.
final class ScrubControl: Sendable {
    struct Numbers: Sendable {
        /// Bytes a second; 0: nothing is checked unless somebody asks.
        var rate: UInt64 = 0
        var isRequested = false
        /// When a client was answered last.
        var served: ContinuousClock.Instant?
        var isEnding = false
    }

    private let numbers = Mutex(Numbers())

    var current: Numbers { numbers.withLock { $0 } }

    func set(rate: UInt64) { numbers.withLock { $0.rate = rate } }

    func set(isRequested: Bool) { numbers.withLock { $0.isRequested = isRequested } }

    /// A client is here.
    func serving() { numbers.withLock { $0.served = .now } }

    /// What is under way is given up.
    func end() { numbers.withLock { $0.isEnding = true } }

    var isEnding: Bool { current.isEnding }

    /// The rate that counts now; nil: as fast as it goes.
    func rate(now: ContinuousClock.Instant = .now) -> UInt64? {
        let numbers = current
        let isBusy = numbers.served.map { now - $0 < StoreLimits.scrubBusyTime } ?? false
        return ScrubPace.rate(
            background: numbers.rate, isRequested: numbers.isRequested, isBusy: isBusy)
    }
}
