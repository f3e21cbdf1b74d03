/// A join or a leave moves little more than what must move: the copies that holders lack.
struct MovedBytesNearOptimal {
    static let name = "MovedBytesNearOptimal"
    /// Beside a fifth above what must move: with few files one more is much.
    static let slack = 2

    private struct Open {
        let since: Nanoseconds
        let holders: [[Int]]
        /// Of versions that were there at the beginning: what clients write meanwhile is no move.
        var copiesMade = 0
    }

    private var open: Open?
    private(set) var measured: [(copies: Int, ideal: Int)] = []

    var isOpen: Bool { open != nil }
    var since: Nanoseconds { open?.since ?? 0 }

    /// - Parameter holders: of each file, in one order, empty where it is not there.
    mutating func begin(holders: [[Int]], at time: Nanoseconds) {
        open = Open(since: time, holders: holders)
    }

    /// A version that was made at `time` came to a disk from another.
    mutating func copied(madeAt time: Nanoseconds) {
        guard let since = open?.since, time < since else { return }
        open?.copiesMade += 1
    }

    /// Something else goes on: nothing can be said of this change.
    mutating func stop() { open = nil }

    mutating func settled(
        holders: [[Int]], at time: Nanoseconds
    ) -> Violation? {
        guard let open else { return nil }
        self.open = nil
        var ideal = 0
        for (before, after) in zip(open.holders, holders) where !before.isEmpty {
            ideal += after.count { !before.contains($0) }
        }
        let copies = open.copiesMade
        measured.append((copies, ideal))
        guard 5 * copies > 6 * ideal + 5 * Self.slack else { return nil }
        return Violation(
            Self.name, at: time,
            "\(copies) copies were made for a change that needs \(ideal), begun at"
                + " \(open.since.secondsText)")
    }
}
