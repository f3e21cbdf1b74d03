package import CRDT
package import Model

/// What a node has to say to people; the shell logs it and shows it.
package enum NodeNotice: Hashable, Sendable {
    case peerChanged(NodeID, state: String)
    /// Its store restarts on purpose, and counts in no quorum; or that is over.
    case peerRestarting(NodeID, Bool)
    /// Its store lives anew: what it was asked before is not known to it.
    case peerRejoined(NodeID)
    case duplicateNode(NodeID)
    /// Another established cluster is on the network; who of it was heard.
    case foreignCluster(ClusterID, NodeID)
    case clockInDoubt(Bool)
    case layoutChanged(LayoutID)
    case layoutSynced(LayoutID)
    case tookOut(NodeID)
    /// By an operator's word.
    case tookOutByForce(NodeID)
    /// The node has left, and nothing of the cluster's is on its disk: it may be stopped. Started
    /// again, it joins again.
    case mayStop
    /// The disk came back as it was some time ago; it goes on as a new one.
    case diskRolledBack(DiskID)
    /// All members asked to leave: this one stays.
    case stays
    /// A copy here failed its check, or came without its content: it is in quarantine, and is copied
    /// again from another disk.
    case damaged(StorePath)
    /// The same has good copies here again.
    case repaired(StorePath)
    /// No disk has a good copy of a version of which there is a record: it cannot be repaired as
    /// long as none comes back.
    case noGoodCopy(StorePath)
}
