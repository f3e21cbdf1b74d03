/// Whether a child still answers. It asks for progress at an interval; silence is counted from
/// the oldest question without an answer.
package struct Watchdog: Hashable, Sendable {
    private var nextQuestion: Moment
    private var interval = SupervisionLimits.firstProgressInterval
    private var silentSince: Moment?
    private var nextInspection: Moment?
    private var lastLook: Moment
    /// Since when a sync is under way, by the last answer.
    private var syncSince: Moment?

    package init(now: Moment) {
        nextQuestion = now + interval
        lastLook = now
    }

    /// What a look at the clock found out.
    package enum Finding: Hashable, Sendable {
        case ask
        case inspect
        case silent(Duration)
        case syncTooLong(Duration)
    }

    package var nextWake: Moment {
        guard let nextInspection else { return nextQuestion }
        return min(nextQuestion, nextInspection)
    }

    /// Whether the last answer said that a sync is under way, and that not for too long.
    package func isInSync(now: Moment) -> Bool {
        guard let syncSince else { return false }
        return now - syncSince < SupervisionLimits.syncMax
    }

    package mutating func answered(_ progress: Progress, now: Moment) {
        silentSince = nil
        nextInspection = nil
        syncSince = progress.inSyncFor.map { now - $0 }
        if progress.finished > 0 { interval = SupervisionLimits.progressInterval }
    }

    package mutating func timePassed(now: Moment) -> [Finding] {
        if now - lastLook > SupervisionLimits.ownDelayMax { forgive(now - lastLook, now: now) }
        lastLook = now
        var findings: [Finding] = []
        if now >= nextQuestion {
            findings.append(.ask)
            interval = min(interval * 2, SupervisionLimits.progressInterval)
            nextQuestion = now + interval
            if silentSince == nil {
                silentSince = now
                nextInspection = now + SupervisionLimits.silenceBeforeInspection
            }
        }
        if let due = nextInspection, now >= due {
            findings.append(.inspect)
            nextInspection = now + SupervisionLimits.progressInterval
        }
        if let syncSince, now - syncSince >= SupervisionLimits.syncMax {
            findings.append(.syncTooLong(now - syncSince))
        } else if let silentSince, now - silentSince >= SupervisionLimits.silenceMax,
            !isInSync(now: now)
        {
            findings.append(.silent(now - silentSince))
        }
        return findings
    }

    private mutating func forgive(_ ownDelay: Duration, now: Moment) {
        if let since = syncSince { syncSince = since + ownDelay }
        if silentSince != nil {
            silentSince = now
            nextInspection = now + SupervisionLimits.silenceBeforeInspection
        }
    }
}
