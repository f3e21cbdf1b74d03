internal import Model

/// Warnings about other nodes and clusters, which stand for as long as their cause is seen.
struct PassingWarnings {
    enum Cause: Hashable {
        /// Two nodes use the id. A node that lost its disk looks like that until all know its new life, so
        /// it is said when it is seen again later.
        case twins(NodeID)
        /// Another established cluster of this name is within reach: its id.
        case cluster(String)

        /// How long after the first sight another one makes it certain.
        fileprivate var certainAfter: Duration {
            switch self {
            case .twins: StoreLimits.twinsCertainAfter
            case .cluster: .zero
            }
        }

        /// The subject of the warning.
        var subject: String {
            switch self {
            case .twins(let node): "node \(node.name)"
            case .cluster(let cluster): "cluster \(cluster)"
            }
        }
    }

    private struct Sight {
        let first: Duration
        var last: Duration
    }

    private var sights: [Cause: Sight] = [:]

    var isEmpty: Bool { sights.isEmpty }

    /// - Returns: whether it is to be said.
    mutating func seen(_ cause: Cause, now: Duration) -> Bool {
        let sight = sights[cause] ?? Sight(first: now, last: now)
        guard sights[cause] != nil || sights.count < StoreLimits.warningsMax else { return false }
        sights[cause] = Sight(first: sight.first, last: now)
        return now - sight.first >= cause.certainAfter
    }

    /// Those that were not seen for a while, or are `over` as the caller knows: forgotten from now on.
    mutating func takeOver(now: Duration, _ over: (Cause) -> Bool) -> [Cause] {
        guard !sights.isEmpty else { return [] }
        let gone = sights.filter {
            now - $0.value.last >= StoreLimits.passingWarningAge || over($0.key)
        }
        for cause in gone.keys { sights[cause] = nil }
        return Array(gone.keys)
    }
}
