import Model

/// Whom one step of a write asks, and who did it: holders first, and stand-ins for those that do
/// not answer, are known dead, or have no room.
struct CopySet: Sendable {
    enum State: Equatable, Sendable { case idle, asked, done, refused, failed }

    struct Member: Sendable {
        var target: Target
        var state: State
        var isHandOff: Bool
        /// Whether it was asked in any round: then it may have what it was asked to write.
        var wasAsked = false
    }

    private(set) var members: [Member]
    private(set) var tally: Tally
    private var spare: [Target]
    private let majority: Int
    private let layouts: [[Target]]
    private let policy: WritePolicy

    /// - Parameter isReachable: what membership says now; the others count as failed at once.
    init(_ targets: Targets, policy: WritePolicy, isReachable: (NodeID) -> Bool) {
        tally = Tally(targets)
        majority = targets.majority
        layouts = targets.layouts
        self.policy = policy
        spare = policy == .available ? targets.handOffs.filter { isReachable($0.node) } : []
        members = []
        for target in targets.holders {
            // A node that got a new disk may stand in two layouts: it has only the newer one.
            guard !members.contains(where: { $0.target.node == target.node }) else { continue }
            members.append(
                Member(
                    target: target, state: isReachable(target.node) ? .idle : .failed,
                    isHandOff: false))
        }
        for member in members where member.state == .failed {
            standIn(for: member.target)
        }
    }

    /// Those not asked yet; they are marked as asked.
    mutating func takeIdle() -> [Target] {
        var result: [Target] = []
        for index in members.indices where members[index].state == .idle {
            members[index].state = .asked
            members[index].wasAsked = true
            result.append(members[index].target)
        }
        return result
    }

    mutating func done(_ target: Target) {
        set(target.node, .done)
        tally.count(target)
    }

    mutating func refused(_ node: NodeID) { set(node, .refused) }

    /// No answer, or no room: a stand-in is asked instead (never under `majority`).
    mutating func failed(_ node: NodeID) {
        guard let index = members.firstIndex(where: { $0.target.node == node }),
            members[index].state == .asked || members[index].state == .idle
        else { return }
        members[index].state = .failed
        standIn(for: members[index].target)
    }

    /// Adds this node's own disk where it is neither holder nor stand-in yet.
    mutating func include(_ target: Target) {
        guard !members.contains(where: { $0.target.node == target.node }) else { return }
        spare.removeAll { $0.node == target.node }
        members.insert(Member(target: target, state: .idle, isHandOff: true), at: 0)
    }

    /// Everybody is asked again, but those that failed.
    mutating func restart(_ targets: Targets) {
        tally = Tally(targets)
        for index in members.indices where members[index].state != .failed {
            members[index].state = .idle
        }
    }

    var copies: Int { tally.counted.count }
    var isWaiting: Bool { members.contains { $0.state == .asked || $0.state == .idle } }
    var hasRefusal: Bool { members.contains { $0.state == .refused } }

    /// Whether what the policy promises is durable.
    var isEnough: Bool {
        switch policy {
        case .majority: tally.hasMajority
        case .available:
            copies >= majority && isHeardInEachLayout
                || (copies >= 1 && !isWaiting && !hasRefusal)
        }
    }

    /// Whether of each layout in use a holder has it, as far as any may still answer. A disk that
    /// takes over does not know yet what its version has to be above.
    private var isHeardInEachLayout: Bool {
        layouts.allSatisfy { holders in
            holders.contains { tally.counted.contains($0) }
                || !members.contains { member in
                    member.state != .failed && holders.contains(member.target)
                }
        }
    }

    /// Whether no further answer can make it enough.
    var isHopeless: Bool {
        if policy == .majority, !mayHaveMajority { return true }
        return !isEnough && !isWaiting && !hasRefusal
    }

    private var mayHaveMajority: Bool {
        layouts.allSatisfy { holders in
            holders.count { holder in
                members.contains { $0.target == holder && $0.state != .failed }
            } > holders.count / 2
        }
    }

    private mutating func set(_ node: NodeID, _ state: State) {
        guard let index = members.firstIndex(where: { $0.target.node == node }) else { return }
        members[index].state = state
        if state == .done { members[index].wasAsked = true }
    }

    private mutating func standIn(for target: Target) {
        // A node with a new disk may be a holder by its old one and a stand-in by the new one.
        spare.removeAll { one in members.contains { $0.target.node == one.node } }
        guard !spare.isEmpty else { return }
        members.append(Member(target: spare.removeFirst(), state: .idle, isHandOff: true))
    }
}
