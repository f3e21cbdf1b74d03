package import CRDT
package import Model
package import Replication

/// The time of one event: both clocks, read once by the shell.
package struct Now: Sendable {
    /// Since an arbitrary start; never goes back.
    package var monotonic: Duration
    /// Since 1970; may jump either way and may be wrong.
    package var wallMilliseconds: UInt64

    package init(monotonic: Duration, wallMilliseconds: UInt64) {
        self.monotonic = monotonic
        self.wallMilliseconds = wallMilliseconds
    }
}

/// What a client of this node asks.
package enum ClientRequest: Equatable, Sendable {
    /// Stores a file; `content` stands for its bytes.
    case put(StorePath, FileContent, WriteCondition, OperationID)
    case delete(StorePath, WriteCondition, OperationID)
    case get(StorePath, ReadConsistency)
    /// Marks a directory as existing.
    case makeDirectory(StorePath, OperationID)
    /// Removes the mark of an empty directory.
    case removeDirectory(StorePath, OperationID)
    /// Names after `after`, at most `limit`.
    case list(StorePath, after: [UInt8]?, limit: Int)
    /// Moves a file: destination durable, then the source gone.
    /// - `when`: of what is at the destination.
    case move(StorePath, to: StorePath, when: WriteCondition = .none, OperationID)
    /// Copies a file: on each disk both name one content.
    case copy(StorePath, to: StorePath, when: WriteCondition = .none, OperationID)
    /// The destination of these: content that is stored already.
    /// - `move`: of which it is the first half.
    case place(
        StorePath, FileFacts, when: WriteCondition = .none, OperationID, move: MoveIntent? = nil)
    /// Gives a file or directory other dead properties: its facts, or its mark, with these, where what
    /// they were made from is still the newest.
    case describe(StorePath, RegisterValue, when: WriteCondition, OperationID)
    /// What is said of a directory itself.
    case mark(StorePath)
    /// What was at a path and is kept.
    case history(StorePath)
    /// Makes a kept version, or the newest of them, the file again.
    case restore(StorePath, Dot?, OperationID)
    /// The contents of these kept versions are not wanted any more; where none is named, all that are there.
    case purge(StorePath, [Dot])
    /// Takes a lock; one that is taken already under its token stays as it is.
    case lock(StorePath, LockRequest, OperationID)
    /// Lets a lock go on, counted from now.
    case refreshLock(StorePath, LockToken, seconds: UInt32, OperationID)
    case unlock(StorePath, LockToken, OperationID)
    /// The locks around a path.
    case locks(StorePath, LockReach = .path)
    /// A write (put, delete, makeDirectory, removeDirectory, move) that is refused where a lock
    /// covers what it changes, of which its client shows no token; and where it shows tokens, and
    /// none of them is of such a lock: then it counts on one that is over. `isPart`: it is part of what
    /// a client asked of a tree, for which the tokens are.
    indirect case guarded(ClientRequest, tokens: [LockToken], isPart: Bool = false)
    /// A step of that: looked after by the holders, too.
    indirect case showing(ClientRequest, LockGuard)
    /// A step of these: the locks taken at one path.
    case lockSet(StorePath)
    case changeLocks(StorePath, LockChange, OperationID)
    /// Drops a directory's traces of locks that are there no longer, where it is asked of so many paths at
    /// the most whether they are.
    case clearTraces(StorePath, budget: Int)
    case setSetting(key: String, value: String)
    case setReplicationFactor(Int)
    /// Leaves the cluster: the layout goes on without this node, which serves until everything is
    /// handed over. It says when it may be stopped (`NodeNotice.mayStop`).
    case leave
    /// Stays after all, as long as it has not said goodbye.
    case cancelLeave
    /// Takes a node that is dead out of the layout by an operator's word, without a majority of the
    /// members: what it alone has is given up, unless it comes back.
    case takeOut(NodeID)
    /// The node's cluster becomes part of another one that is within reach (`join --merge`): its
    /// settings go, its records stay.
    case joinCluster(ClusterID)
}

/// How a checked read decides (setting `write_policy`, or the request's `consistency=local`).
package enum ReadConsistency: Hashable, Sendable { case checked, local }

/// The number by which the shell knows a client's request again.
package struct ClientTicket: Hashable, Comparable, Sendable {
    package let number: UInt64
    package init(number: UInt64) { self.number = number }
    package static func < (a: ClientTicket, b: ClientTicket) -> Bool { a.number < b.number }
}

/// What a client is answered.
package enum ClientAnswer: Equatable, Sendable {
    /// Acknowledged: durable on `copies` distinct disks. `listingPending`: the directory's entry is
    /// not durable yet. `exact` is cleared where a condition was decided among the reachable alone.
    case written(Version, copies: Int, created: Bool, listingPending: Bool, exact: Bool)
    /// The file's current version.
    case file(FileRecord)
    /// All that is known of a path.
    case history(Register)
    /// The newest version of a directory's mark; nil where it never had one.
    case mark(RegisterVersion?)
    case listing([ListedEntry], next: [UInt8]?)
    case notFound
    /// The write's condition was not met, and nothing was changed. `exact` is cleared where that was
    /// decided among the reachable alone: others may know of something newer.
    case conditionFailed(exact: Bool)
    case directoryNotEmpty
    /// A directory is at the path, so that no file is meant by it, nor can be put there.
    case isDirectory
    /// A file is where a directory would have to be: at the path of the new one, or above the path.
    case notADirectory
    /// Held, on `copies` disks. `exact` is cleared where it was decided among the reachable alone.
    case lockGranted(Lock, copies: Int, exact: Bool)
    case unlocked(exact: Bool)
    /// Cleared where there are more below than are looked at.
    case locks([PlacedLock], isComplete: Bool = true)
    /// 423: these are in the way; empty where the holders found them in the decision of a write.
    case locked([PlacedLock])
    /// No lock of that token is there, or it is over.
    case lockNotFound
    /// One of the bounds of `ReplicationLimits` or `ClusterLimits.lockWalkMax` is reached.
    case tooManyLocks
    /// What steps are answered.
    case lockSet(StorePath, LockSet)
    case lockDecision(LockDecision, copies: Int, exact: Bool)
    /// 503: nothing is known of the outcome; safe to repeat with the same operation id.
    case unavailable(UnavailableReason)
    case done
    /// An operator asked for what cannot be; nothing changed.
    case refused(RefusalReason)
}

package enum RefusalReason: Hashable, Sendable {
    /// Outside the range of the setting.
    case invalidValue
    /// There are as many settings, or members, as there may be.
    case limitReached
    /// The last member cannot leave: nobody would have the data.
    case lastMember
    case notLeaving
    case isItself
    /// A node that lives is asked to leave instead.
    case isAlive
    case notAMember
    /// The node is in that cluster already.
    case isTheSame
    /// Nobody of that cluster was heard of.
    case isNotReached
    /// The goodbye is said; the node comes back by being started again.
    case hasLeft
}

package enum UnavailableReason: Hashable, Sendable {
    case noQuorum, timedOut, clockInDoubt, full, notReady, contended
    /// The node has said goodbye, and is part of no cluster.
    case hasLeft
}

package struct ListedEntry: Hashable, Sendable {
    package var name: [UInt8]
    package var isDirectory: Bool
    /// Nil for a directory.
    package var record: FileRecord?
    /// When the name changed last, as far as its directory has heard.
    package var changed: HybridTime
    package init(name: [UInt8], isDirectory: Bool, record: FileRecord?, changed: HybridTime) {
        self.name = name
        self.isDirectory = isDirectory
        self.record = record
        self.changed = changed
    }
}

/// What the node wants done. Directives of one event are done in their order.
package enum NodeDirective: Sendable {
    case send(PeerMessage, to: NodeID)
    /// Executes `request` on the tables (`Replica.execute`), in the order given. A request that
    /// changes something is answered when its changes, and all before it, are durable; one that
    /// only reads is answered with what is durable: what a crash could still take back is told to
    /// nobody.
    case storage(StorageTicket, StorageRequest)
    case answer(ClientTicket, ClientAnswer)
    /// The disk is an old state of itself: it gets this id (`NodeDisk.renew`), durably, and the node
    /// is started again. This life does nothing more.
    case renewDisk(DiskID)
    /// Something to be said to people.
    case notice(NodeNotice)
    /// These nodes say where they are (`ClusterNode.addresses`).
    case located([NodeID])
    /// What changed on another disk, while this node watches.
    case changed([FileChange])
}

package struct StorageTicket: Hashable, Comparable, Sendable {
    package let number: UInt64
    package init(number: UInt64) { self.number = number }
    package static func < (a: StorageTicket, b: StorageTicket) -> Bool { a.number < b.number }
}
