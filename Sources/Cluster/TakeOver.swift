import Model

/// How far this node has come with taking over what it holds in the newest layout: everything that
/// the holders in the layouts before have of it.
struct TakeOver: Sendable {
    enum Source: Equatable, Sendable {
        /// Asked which partitions there are.
        case asked
        /// So many exchanges are still to be done.
        case pulling(Int)
        case pulled
        /// An exchange failed: from the beginning, at the next tick.
        case failed
    }

    /// The layout that is being taken over.
    private(set) var layout: LayoutID?
    var sources: [NodeID: Source] = [:]
    /// The disks that answered.
    var disks: [NodeID: DiskID] = [:]
    /// The newest layout that this node declared synced.
    var declared: LayoutID?
    var isDone = false

    /// The layouts changed: what was pulled before counts no more, since it was pulled from nodes
    /// that might still take writes by the layouts of then.
    mutating func restart() {
        layout = nil
        sources = [:]
        disks = [:]
        isDone = false
    }

    mutating func begin(_ layout: LayoutID) {
        guard self.layout != layout else { return }
        self.layout = layout
        sources = [:]
        disks = [:]
    }
}
