import Model
import Replication

/// Every acknowledged write is the newest version of its file, or kept, or was known to whoever
/// wrote a newer one; and what lost against a version that did not know it is marked as a conflict.
enum NothingNewIsThrownAway {
    static let name = "NothingNewIsThrownAway"

    static func check(_ history: History, _ final: FinalState) -> [Violation] {
        thrownAway(history, final) + unmarked(history, final)
    }

    private static func thrownAway(_ history: History, _ final: FinalState) -> [Violation] {
        LostWrites.find(history, final).filter(\.wasTakenIn).map { lost in
            Violation(
                name, at: final.time,
                "acknowledged and taken in, then thrown away though nothing newer knew it",
                [lost.record] + lost.context)
        }
    }

    private static func unmarked(_ history: History, _ final: FinalState) -> [Violation] {
        var violations: [Violation] = []
        for file in final.files {
            let versions = file.versions
            let records = history.on(file.path)
            for copy in file.copies {
                for kept in copy.register.kept where !kept.isConflict {
                    let isKnown = versions.contains {
                        $0.dot != kept.dot && $0.covers(kept.version)
                    }
                    // Whoever covered it may be gone since: a tombstone, a version that expired, or
                    // an operation's first attempt, which its second took the place of.
                    let made =
                        (history.made[file.path] ?? []).map(\.version)
                        + records.compactMap(\.written)
                    let isKnownToGone = made.contains {
                        $0.dot != kept.dot && $0.context.contains(kept.dot)
                    }
                    if isKnown || isKnownToGone { continue }
                    violations.append(
                        Violation(
                            name, at: final.time,
                            "\(file.path) on \(HostName.text(copy.host)): the kept version"
                                + " \(kept.version.version.shortText) lost against one that did"
                                + " not know it, and is no conflict",
                            records.filter { $0.operation == kept.version.operation }))
                }
            }
        }
        return violations
    }
}
