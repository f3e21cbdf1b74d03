package import CRDT
package import Membership
package import Model

// What the network tells of nodes, and what is told of them.
extension ClusterNode {
    /// A node was found: by discovery, by a name that was given, or since it connected. It is said
    /// hello to; what it is, it tells itself.
    package mutating func found(
        _ peer: NodeID, _ now: Now, using generator: inout SplitMix64,
        into directives: inout [NodeDirective]
    ) {
        guard isRunning else {
            if foundEarly.count < MembershipLimits.hellosMax { foundEarly.append(peer) }
            return
        }
        var turn = Turn(now: now, generator: generator, directives: [])
        meet(peer, &turn)
        directives += turn.directives
    }

    /// Those that were found before this life could say anything.
    mutating func meetFound(_ turn: inout Turn) {
        for peer in foundEarly { meet(peer, &turn) }
        foundEarly = []
    }

    private mutating func meet(_ peer: NodeID, _ turn: inout Turn) {
        guard peer != configuration.node else { return }
        var greeting: [MembershipDirective] = []
        membership.meet(peer, wallMilliseconds: turn.now.wallMilliseconds, into: &greeting)
        for case .send(let message, let peer) in greeting {
            turn.send(.membership(message), to: peer)
        }
    }

    /// The network's own idea of where peers reach this node, which all are told.
    package mutating func reachable(
        at addresses: [String], _ now: Now, using generator: inout SplitMix64,
        into directives: inout [NodeDirective]
    ) {
        let isNews = addresses != ownAddresses
        ownAddresses = addresses
        // A life that has not begun tells it with the rest.
        guard isRunning else { return }
        var turn = Turn(now: now, generator: generator, directives: [])
        if isNews { announce(&turn) }
        var word: [MembershipDirective] = []
        membership.sayWord(
            wallMilliseconds: now.wallMilliseconds, using: &turn.generator, into: &word)
        for case .send(let message, let peer) in word { turn.send(.membership(message), to: peer) }
        generator = turn.generator
        directives += turn.directives
    }

    /// Where nodes are, as they said themselves: all that are known, or those named.
    package func addresses(
        of nodes: [NodeID]? = nil
    ) -> [(node: NodeID, addresses: [String])] {
        let registers =
            nodes.map { $0.compactMap { gossip.state.register(of: $0) } } ?? gossip.state.registers
        return registers.compactMap { register in
            guard register.node != configuration.node, !register.facts.addresses.isEmpty else {
                return nil
            }
            return (register.node, register.facts.addresses)
        }
    }

    func locate(_ nodes: [NodeID], _ turn: inout Turn) {
        let located = nodes.filter { node in
            node != configuration.node
                && gossip.state.register(of: node)?.facts.addresses.isEmpty == false
        }
        if !located.isEmpty { turn.directives.append(.located(located)) }
    }

    // MARK: For people

    /// This node and all that it knows of, sorted by name.
    package var peerViews: [PeerView] {
        var nodes = Set(gossip.state.registers.map(\.node))
        nodes.formUnion(membership.alivePeers)
        nodes.formUnion(layouts.members)
        nodes.insert(configuration.node)
        return nodes.sorted().map(view)
    }

    private func view(of node: NodeID) -> PeerView {
        let facts = gossip.state.register(of: node)?.facts
        let isOwn = node == configuration.node
        var view = PeerView(node: node, state: isOwn ? .alive : membership.state(of: node))
        view.isOwn = isOwn
        view.isMember = layouts.newest?.member(node) != nil
        view.isRestarting = !isOwn && view.state == .alive && !membership.isAlive(node)
        view.facts = facts
        return view
    }

    /// The cluster that this node is part of; nil before its first file or setting.
    package var cluster: ClusterID? { gossip.state.identity.established }

    /// Other established clusters of this name that were heard of in this life, with one of their
    /// nodes.
    package var foreignClusters: [(cluster: ClusterID, node: NodeID)] {
        upkeep.foreign.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    /// As the cluster was told last; the default where nobody said.
    package var replicationFactor: Int {
        let draft = gossip.state.layouts.draft
        return Int(draft.replicationFactor?.value ?? CRDTLimits.replicationFactorDefault)
    }

    /// This node's copy of the cluster's state, but the cluster's identity.
    package var stateEntries: [StateEntry] { gossip.state.entries }

    package var isClockInDoubt: Bool { clock.isInDoubt }
}

/// What this node knows of a node, for people.
package struct PeerView: Sendable {
    package let node: NodeID
    package var isOwn = false
    /// As membership has it; nil where nobody ever heard of it in this life.
    package let state: PeerState?
    /// Its store restarts on purpose.
    package var isRestarting = false
    /// Whether it is in the newest layout.
    package var isMember = false
    /// What it said of itself.
    package var facts: NodeFacts?

    init(node: NodeID, state: PeerState?) {
        self.node = node
        self.state = state
    }
}
