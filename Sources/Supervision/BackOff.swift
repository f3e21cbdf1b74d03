/// How long to wait after lives that ended before they were of use.
package struct BackOff: Hashable, Sendable {
    /// Deaths within the window, oldest first; bounded by `deathsMax + 1`.
    private var recent: [Moment] = []
    private var inARow = 0
    /// Set by too many deaths, taken back by a life that was of use.
    package private(set) var isDegraded = false

    package init() {}

    /// What follows a death.
    package enum Verdict: Hashable, Sendable {
        case wait(Duration)
        case degraded(deaths: Int, probeIn: Duration)
    }

    package mutating func deathBeforeUse(
        now: Moment, using generator: inout some RandomNumberGenerator
    ) -> Verdict {
        recent.removeAll { now - $0 > SupervisionLimits.deathWindow }
        recent.append(now)
        inARow += 1
        let wait = base(step: inARow)
        // Deaths too slow for the window end here too, when the wait has reached its limit.
        if isDegraded || recent.count > SupervisionLimits.deathsMax
            || wait >= SupervisionLimits.backOffMax
        {
            isDegraded = true
            recent.removeFirst(max(0, recent.count - SupervisionLimits.deathsMax - 1))
            let probe = jittered(SupervisionLimits.probeInterval, using: &generator)
            return .degraded(deaths: inARow, probeIn: probe)
        }
        return .wait(jittered(wait, using: &generator))
    }

    /// A life was of use: the past is forgotten.
    ///
    /// - Returns: whether the worker had been degraded.
    package mutating func usefulLife() -> Bool {
        defer { self = BackOff() }
        return isDegraded
    }

    private func base(step: Int) -> Duration {
        // 2^9 × 100 ms is above the limit: no larger shift is needed, and none can overflow.
        let shift = min(step - 1, 9)
        return min(SupervisionLimits.backOffMin * (1 << shift), SupervisionLimits.backOffMax)
    }

    private func jittered(
        _ wait: Duration, using generator: inout some RandomNumberGenerator
    ) -> Duration {
        let part = wait.inMilliseconds / SupervisionLimits.jitterDivisor
        return wait + .milliseconds(Int64.random(in: 0...part, using: &generator))
    }
}
