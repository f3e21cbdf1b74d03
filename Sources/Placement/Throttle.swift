/// How fast a rebalance may move bytes, so that it never starves the foreground: a budget of bytes
/// a second that is halved when the foreground's latency is above its target and grows by a fixed
/// step while it is below (additive increase, multiplicative decrease: Chiu, Jain 1989).
///
/// Time is a `Duration` since an arbitrary start that does not go back.
package struct Throttle: Hashable, Sendable {
    /// Bytes a second.
    package private(set) var budget: Int64
    /// Bytes that may be sent now; below zero after a chunk larger than that.
    private var credit: Int64 = 0
    private var creditTime: Duration
    private var smoothedLatency: Duration?
    private var hasSample = false
    /// Whether the budget made somebody wait. One that nobody used up has shown nothing, so it
    /// does not grow (as RFC 7661 has it of TCP's window).
    private var hasLimited = false
    private var lastStep: Duration

    package init(now: Duration, budget: Int64 = PlacementLimits.throttleStart) {
        self.budget = min(max(budget, PlacementLimits.throttleMin), PlacementLimits.throttleMax)
        creditTime = now
        lastStep = now
    }

    /// A request of the foreground took `latency`.
    package mutating func foregroundFinished(after latency: Duration, now: Duration) {
        step(now)
        let smoothed = smoothedLatency ?? latency
        smoothedLatency = smoothed + (latency - smoothed) / PlacementLimits.latencySmoothing
        hasSample = true
    }

    /// Whether a chunk may move at `now`, of whatever size: nil, or the time to wait before asking
    /// again. Any credit lets a whole chunk go, into debt, so that a chunk may be larger than the
    /// burst, and its size need not be known before.
    package mutating func wait(now: Duration) -> Duration? {
        step(now)
        earn(now)
        if credit >= 0 { return nil }
        hasLimited = true
        return Throttle.time(for: -credit, at: budget)
    }

    /// A chunk of `byteCount` bytes moved.
    package mutating func moved(_ byteCount: Int64, now: Duration) {
        earn(now)
        credit = max(
            credit - min(byteCount, PlacementLimits.throttleDebt), -PlacementLimits.throttleDebt)
    }

    /// Moves the budget if an interval has passed.
    private mutating func step(_ now: Duration) {
        guard now - lastStep >= PlacementLimits.throttleInterval else { return }
        earn(now)
        // Nobody asked for anything during the interval: the foreground is well.
        if !hasSample { smoothedLatency = nil }
        if let latency = smoothedLatency, latency > PlacementLimits.latencyTarget {
            budget = max(budget / 2, PlacementLimits.throttleMin)
        } else if hasLimited {
            budget = min(
                budget + PlacementLimits.throttleIncrease, PlacementLimits.throttleMax)
        }
        hasSample = false
        hasLimited = false
        lastStep = now
    }

    private mutating func earn(_ now: Duration) {
        guard now > creditTime else { return }
        let ceiling = Throttle.bytes(in: PlacementLimits.throttleBurst, at: budget)
        // After so long any debt is paid: no need to multiply what might not fit.
        let wait = credit < ceiling ? Throttle.time(for: ceiling - credit, at: budget) : .zero
        let passed = now - creditTime
        credit =
            passed >= wait
            ? max(credit, ceiling) : credit + Throttle.bytes(in: passed, at: budget)
        creditTime = now
    }

    /// The bytes of `duration` at `budget` bytes a second; the caller bounds the duration.
    private static func bytes(in duration: Duration, at budget: Int64) -> Int64 {
        let product = duration.nanoseconds.multipliedFullWidth(by: budget)
        let divisor: Int64 = 1_000_000_000
        guard product.high < divisor / 2 else { return .max / 4 }
        return divisor.dividingFullWidth(product).quotient
    }

    /// The time that `count` bytes take, rounded up.
    private static func time(for count: Int64, at budget: Int64) -> Duration {
        let (seconds, rest) = count.quotientAndRemainder(dividingBy: budget)
        let product = rest.multipliedFullWidth(by: Int64(1_000_000_000))
        let nanoseconds = budget.dividingFullWidth(product).quotient
        return .seconds(seconds) + .nanoseconds(nanoseconds + 1)
    }
}

extension Duration {
    fileprivate var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        // 285 years.
        guard seconds < 9_000_000_000 else { return .max }
        return seconds * 1_000_000_000 + attoseconds / 1_000_000_000
    }
}
