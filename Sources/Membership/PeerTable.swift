import Model

/// All that is known of the peers, in the order in which they were met: an index names a peer for
/// as long as it is known.
struct PeerTable: Sendable {
    struct Peer: Sendable {
        let node: NodeID
        var disk: DiskID
        var incarnation: UInt64
        var state: PeerState
        /// When the state began.
        var since: Duration
        /// Counts changes, so that an older place among the updates to be sent is passed over.
        var revision: UInt32 = 0
        var witness: NodeID?
        /// Since when its gateway answers for a restarting store.
        var restartingSince: Duration?
        /// In the layout as the shell told.
        var isMember = false
        /// Its store was given all the time that it has to restart.
        var isRestartSpent = false
        var isForgotten = false

        /// Whether this is what the peer says of itself.
        func isAs(_ said: PeerUpdate) -> Bool {
            incarnation == said.incarnation && disk == said.disk
        }

        /// Stands for a member that nobody told of in this life.
        var isUnheard: Bool { incarnation == 0 && state == .dead }

        var update: PeerUpdate {
            PeerUpdate(
                node: node, disk: disk, incarnation: incarnation, state: state, witness: witness)
        }
    }

    private(set) var peers: [Peer] = []
    private var indices: [NodeID: Int] = [:]
    /// Alive or suspect; sorted.
    private(set) var alive: [NodeID] = []
    /// Indices of the dead that are not forgotten.
    private(set) var dead: [Int] = []
    /// Indices of those that left and are not forgotten.
    private(set) var left: [Int] = []
    /// Where the search for a place to give away goes on.
    private var hand = 0
    /// Over all peers and the own entry.
    private(set) var sum = Fingerprint.zero

    func index(of node: NodeID) -> Int? { indices[node] }

    subscript(index: Int) -> Peer { peers[index] }

    subscript(node: NodeID) -> Peer? { indices[node].map { peers[$0] } }

    /// - Returns: nil where the table is full.
    mutating func insert(_ update: PeerUpdate, now: Duration) -> Int? {
        if let index = indices[update.node] {
            change(index) { peer in
                peer.isForgotten = false
                peer.disk = update.disk
                peer.incarnation = update.incarnation
                peer.state = update.state
                peer.witness = update.witness
                peer.since = now
            }
            return index
        }
        guard peers.count < MembershipLimits.peersMax else {
            return insertInPlace(update, now: now)
        }
        let index = peers.count
        peers.append(
            Peer(
                node: update.node, disk: update.disk, incarnation: update.incarnation,
                state: update.state, since: now, witness: update.witness))
        indices[update.node] = index
        sum &+= update.fingerprint
        noteLists(index, was: nil)
        return index
    }

    /// The table is full: one that is not there, and is no member, gives its place away. A bounded
    /// search, as a flood of invented nodes is what fills tables.
    private mutating func insertInPlace(_ update: PeerUpdate, now: Duration) -> Int? {
        for _ in 0..<MembershipLimits.placesTried {
            hand = (hand + 1) % peers.count
            let peer = peers[hand]
            guard !peer.isMember, peer.isForgotten || peer.state == .dead || peer.state == .left
            else { continue }
            if !peer.isForgotten { change(hand) { $0.isForgotten = true } }
            indices[peer.node] = nil
            peers[hand] = Peer(
                node: update.node, disk: update.disk, incarnation: update.incarnation,
                state: update.state, since: now, revision: peer.revision &+ 1,
                witness: update.witness)
            indices[update.node] = hand
            sum &+= update.fingerprint
            noteLists(hand, was: nil)
            return hand
        }
        return nil
    }

    mutating func change(_ index: Int, _ body: (inout Peer) -> Void) {
        let was = peers[index].isForgotten ? nil : peers[index].state
        if was != nil { sum &-= peers[index].update.fingerprint }
        body(&peers[index])
        peers[index].revision &+= 1
        if !peers[index].isForgotten { sum &+= peers[index].update.fingerprint }
        noteLists(index, was: was)
    }

    /// Changes what is not part of the update.
    mutating func annotate(_ index: Int, _ body: (inout Peer) -> Void) { body(&peers[index]) }

    mutating func countOwn(_ old: PeerUpdate?, _ new: PeerUpdate) {
        if let old { sum &-= old.fingerprint }
        sum &+= new.fingerprint
    }

    private mutating func noteLists(_ index: Int, was: PeerState?) {
        let peer = peers[index]
        let wasAlive = was.map { $0 == .alive || $0 == .suspect } ?? false
        let isAlive = !peer.isForgotten && (peer.state == .alive || peer.state == .suspect)
        if wasAlive != isAlive {
            let place = position(of: peer.node)
            if isAlive { alive.insert(peer.node, at: place) } else { alive.remove(at: place) }
        }
        let isDead = !peer.isForgotten && peer.state == .dead
        if was == .dead, !isDead { dead.removeAll { $0 == index } }
        if was != .dead, isDead { dead.append(index) }
        let hasLeft = !peer.isForgotten && peer.state == .left
        if was == .left, !hasLeft { left.removeAll { $0 == index } }
        if was != .left, hasLeft { left.append(index) }
    }

    private func position(of node: NodeID) -> Int {
        var low = 0
        var high = alive.count
        while low < high {
            let middle = (low + high) / 2
            if alive[middle] < node { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
