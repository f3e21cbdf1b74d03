import Model
import Replication

/// Of locks that are in each other's way no two are held at one time, as their clients see it: from
/// the answer that grants one until its time is over or its client asks to release it. Nobody loses
/// a lock in that time; fencing numbers grow; and no guarded write without its token that begins in
/// that time is acknowledged.
///
/// Under `available` that holds among locks of one path that are called exact, as long as nothing
/// on that path was decided among the reachable alone, or may have been.
struct LocksAreExclusive {
    static let name = "LocksAreExclusive"

    /// A lock from its grant to its end, as its client knows it.
    struct Span {
        let lock: LockFacts
        let path: StorePath
        let granted: OperationRecord
        var fence: HybridTime
        var end: Nanoseconds

        var start: Nanoseconds { granted.answered }

        func covers(_ path: StorePath) -> Bool {
            path == self.path || (lock.isDeep && path.isBelow(self.path))
        }

        func isInTheWay(of other: Span) -> Bool {
            !(lock.isShared && other.lock.isShared)
                && (covers(other.path) || other.covers(path))
        }
    }

    private let records: [OperationRecord]
    private let policy: WritePolicy
    private let time: Nanoseconds
    /// When some node's clock was further off than locks allow for.
    private let clockFaults: [ClosedRange<Nanoseconds>]

    static func check(
        _ history: History, _ policy: WritePolicy, _ time: Nanoseconds,
        clockFaults: [ClosedRange<Nanoseconds>]
    ) -> [Violation] {
        let records = history.records.filter { KeySpace.isLocked($0.path) }
        if records.isEmpty { return [] }
        return LocksAreExclusive(
            records: records, policy: policy, time: time, clockFaults: clockFaults
        ).all()
    }

    private func all() -> [Violation] {
        let spans = spans()
        var violations: [Violation] = []
        for (index, one) in spans.enumerated() {
            for other in spans[(index + 1)...] where one.isInTheWay(of: other) {
                if let violation = pair(one, other) { violations.append(violation) }
            }
            guard policy == .majority else { continue }
            violations += writes(under: one)
        }
        return violations
    }

    /// The locks that were granted, in the order of their grants.
    private func spans() -> [Span] {
        var spans: [Span] = []
        for record in records {
            guard case .lock(let lock, _) = record.kind,
                case .granted(let fence, let seconds, let exact) = record.outcome,
                policy == .majority || exact && !isBelowLocked(record.path) && isUndoubted(record)
            else { continue }
            var span = Span(
                lock: lock, path: record.path, granted: record, fence: fence,
                end: record.invoked + .seconds(Int64(seconds)))
            for later in records where later.path == record.path {
                switch (later.kind, later.outcome) {
                case (.refreshLock(lock.token, _), .granted(_, let seconds, _))
                where later.answered <= span.end:
                    span.end = max(span.end, later.invoked + .seconds(Int64(seconds)))
                case (.unlock(lock.token), _): span.end = min(span.end, later.invoked)
                default: break
                }
            }
            if span.start < span.end { spans.append(span) }
        }
        return spans.sorted { $0.start < $1.start }
    }

    /// There a lock that was refused may have been taken for a moment, to look at those around it.
    private func isBelowLocked(_ path: StorePath) -> Bool {
        path == KeySpace.lockedDirectory || path.isBelow(KeySpace.lockedDirectory)
    }

    /// Whether all that may have been decided at its path before was decided exactly.
    private func isUndoubted(_ grant: OperationRecord) -> Bool {
        records.allSatisfy { record in
            guard record.path == grant.path, record.invoked <= grant.answered else { return true }
            switch (record.kind, record.outcome) {
            case (.lock, .granted(_, _, let exact)), (.refreshLock, .granted(_, _, let exact)),
                (.unlock, .unlocked(let exact)):
                return exact
            case (.lock, _), (.refreshLock, _), (.unlock, _): return record.hadNoEffect
            default: return true
            }
        }
    }

    private func pair(_ one: Span, _ other: Span) -> Violation? {
        let start = max(one.start, other.start)
        let end = min(one.end, other.end)
        if start < end, policy == .majority || one.path == other.path,
            areClocksSound(from: one.granted.invoked, to: start)
        {
            return Violation(
                Self.name, at: time, "two locks are held at one time, \(start.secondsText)",
                [one.granted, other.granted])
        }
        guard policy == .majority, one.path == other.path, one.end <= other.granted.invoked,
            other.fence <= one.fence
        else { return nil }
        return Violation(
            Self.name, at: time, "the fencing number does not grow",
            [one.granted, other.granted])
    }

    private func writes(under span: Span) -> [Violation] {
        records.compactMap { record in
            guard record.invoked > span.start, record.answered < span.end,
                areClocksSound(from: span.granted.invoked, to: record.answered)
            else { return nil }
            let explanation: String
            switch (record.kind, record.outcome) {
            case (.guardedPut(let token), .written), (.guardedDelete(let token), .written):
                guard span.covers(record.path), token != span.lock.token,
                    token == nil || !span.lock.isShared
                else { return nil }
                explanation = "acknowledged under a lock without its token"
            case (.refreshLock(span.lock.token, _), .lockNotFound) where record.path == span.path:
                explanation = "a lock is gone before its time"
            default: return nil
            }
            return Violation(Self.name, at: time, explanation, [span.granted, record])
        }
    }

    private func areClocksSound(from start: Nanoseconds, to end: Nanoseconds) -> Bool {
        start > end || !clockFaults.contains { $0.overlaps(start...end) }
    }
}
