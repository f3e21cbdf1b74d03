internal import Loop
internal import Model

/// The restart of all nodes' workers, one node after the other, this one at the end: at each moment one
/// node's store is away, as in a planned restart of that node alone.
///
/// ```
///   asked ──restarts──▶ leaving ──it restarts──▶ away ──it is back──▶ the next
///     ├──refuses, or silent for `restartAnswerMax`──▶ the next
///     └──(in each step) `restartNodeMax` is over, or the node is dead──▶ the next
/// ```
struct RollingRestart {
    enum Step {
        /// The node was asked.
        case asked
        /// It said that it will.
        case leaving
        /// Its store restarts.
        case away
    }

    private(set) var node: NodeID?
    private(set) var step = Step.asked
    private var rest: ArraySlice<NodeID>
    var timer: LoopTimer?

    init(_ nodes: [NodeID]) { rest = nodes[...] }

    /// The next node; nil: it is this one's turn.
    mutating func next() -> NodeID? {
        node = rest.popFirst()
        step = .asked
        return node
    }

    /// - Returns: whether it is waited for from now on.
    mutating func accepted(by peer: NodeID) -> Bool {
        guard peer == node, step == .asked else { return false }
        step = .leaving
        return true
    }

    /// - Returns: whether the next node is due.
    func refused(by peer: NodeID) -> Bool { peer == node && step != .away }

    /// What is heard of the node's store.
    /// - Returns: whether the next node is due.
    mutating func heard(of peer: NodeID, isRestarting: Bool) -> Bool {
        guard peer == node else { return false }
        if isRestarting {
            step = .away
            return false
        }
        return step == .away
    }
}
