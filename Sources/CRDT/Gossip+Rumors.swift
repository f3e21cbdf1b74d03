import Model

extension Gossip {
    func send(
        _ body: GossipMessage.Body, to peer: NodeID, _ directives: inout [GossipDirective]
    ) {
        let message = GossipMessage(identity: state.identity, body: body)
        directives.append(.send(message, to: peer))
    }

    /// How often a change is passed on among `count` peers: ⌈log2(N + 1)⌉ + 4.
    static func rounds(peers count: Int) -> Int {
        // N = count + 1, and ⌈log2(N + 1)⌉ is the number of N's binary digits.
        Int.bitWidth - (count + 1).leadingZeroBitCount + CRDTLimits.rumorRoundsExtra
    }

    /// One message with all rumors, or the least said ones that fit, to each of three peers.
    mutating func sayRumors(
        peers: [NodeID], using generator: inout some RandomNumberGenerator,
        _ directives: inout [GossipDirective]
    ) {
        var order = Array(rumors.indices)
        // Where not all fit, the newest go first: old ones are widely known.
        order.sort { (rumors[$0].said, $0) < (rumors[$1].said, $1) }
        var entries: [StateEntry] = []
        var offers: [SummaryItem] = []
        var saysIdentity = false
        var byteCount = 0
        for index in order {
            if rumors[index].key == .identity {
                // It stands in the head of every message, an empty one too.
                rumors[index].said += 1
                saysIdentity = true
                continue
            }
            guard let entry = state.entry(rumors[index].key) else {
                rumors[index].said = .max
                continue
            }
            let isOffer = entry.byteCount > CRDTLimits.offerByteCountMin
            byteCount += isOffer ? entry.key.byteCount + 8 : entry.byteCount
            if byteCount > CRDTLimits.messageByteCountMax { break }
            rumors[index].said += 1
            if isOffer { offers.append(SummaryItem(entry)) } else { entries.append(entry) }
        }
        let rounds = Gossip.rounds(peers: peers.count)
        rumors.removeAll { $0.said >= rounds }
        if entries.isEmpty && offers.isEmpty && !saysIdentity { return }
        let body = GossipMessage.Body.rumor(Delta(entries), offers: offers)
        for peer in Gossip.choose(CRDTLimits.rumorFanOut, of: peers, using: &generator) {
            send(body, to: peer, &directives)
        }
    }

    private static func choose(
        _ count: Int, of peers: [NodeID], using generator: inout some RandomNumberGenerator
    ) -> [NodeID] {
        if peers.count <= count { return peers }
        var chosen: [Int] = []
        while chosen.count < count {
            let index = Int.random(in: peers.indices, using: &generator)
            if !chosen.contains(index) { chosen.append(index) }
        }
        return chosen.map { peers[$0] }
    }

    /// A peer says what this node says as well: it is that much better known, and counts as said
    /// (Demers' feedback with a counter). So a change costs a node twelve messages and not 42 at a
    /// thousand nodes; who was missed is found by comparing sums.
    mutating func noteHeard(_ delta: Delta, _ offers: [SummaryItem]) {
        if rumors.isEmpty { return }
        // Both sides mostly say the same, in the same order: the next one is looked at first.
        var next = 0
        for entry in delta.entries { noteHeard(entry.key, entry.fingerprint.low, &next) }
        for offer in offers { noteHeard(offer.key, offer.print, &next) }
    }

    private mutating func noteHeard(_ key: EntryKey, _ print: UInt64, _ next: inout Int) {
        let isNext = next < rumors.count && rumors[next].key == key
        let index = isNext ? next : rumors.lowerBound { $0.key < key }
        guard index < rumors.count, rumors[index].key == key else { return }
        next = index + 1
        if state.entry(key)?.fingerprint.low == print { rumors[index].said += 1 }
    }

    mutating func spread(_ key: EntryKey) {
        let index = rumors.lowerBound { $0.key < key }
        if index < rumors.count, rumors[index].key == key {
            rumors[index].said = 0
        } else {
            rumors.insert(Rumor(key: key, said: 0), at: index)
        }
    }

    // MARK: What merging brought

    mutating func merge(
        _ delta: Delta, isRepair: Bool, now: Duration, _ directives: inout [GossipDirective]
    ) {
        var outcome = MergeOutcome()
        state.merge(delta, outcome: &outcome)
        state.settle(&outcome)
        let isLittle = outcome.changed.count <= CRDTLimits.repairSpreadMax
        react(to: outcome, spread: !isRepair || isLittle, now: now, &directives)
    }

    /// Makes durable, reports and passes on what changed.
    mutating func react(
        to outcome: MergeOutcome, spread isSpread: Bool, now: Duration,
        _ directives: inout [GossipDirective]
    ) {
        if !outcome.changed.isEmpty { directives.append(.persist(Delta(outcome.changed))) }
        if !outcome.retired.isEmpty {
            directives.append(.forget(outcome.retired.map(EntryKey.layout)))
            retired = Array((retired + outcome.retired).suffix(CRDTLimits.retiredCountMax))
        }
        var settings: [String] = []
        var nodes: [NodeID] = []
        var isDraft = false
        var isLayout = !outcome.retired.isEmpty
        for entry in outcome.changed {
            switch entry {
            case .setting(let setting): settings.append(setting.key)
            case .register(let register): nodes.append(register.node)
            case .member, .replicationFactor: isDraft = true
            case .layout: isLayout = true
            case .identity(let identity): directives.append(.changed(.identity(identity)))
            }
            if isSpread { spread(entry.key) }
        }
        if isDraft { draftChanged = (draftChanged?.first ?? now, now) }
        if isLayout, !state.layouts.hasUnpublished { draftChanged = nil }
        if !settings.isEmpty { directives.append(.changed(.settings(settings))) }
        if !nodes.isEmpty { directives.append(.changed(.registers(nodes))) }
        if isDraft { directives.append(.changed(.draft)) }
        if isLayout { directives.append(.changed(.layouts)) }
        for register in outcome.duplicates {
            directives.append(.changed(.duplicateNode(register)))
        }
        if outcome.refused > 0 { directives.append(.changed(.refused(outcome.refused))) }
    }

    /// Says that a foreign cluster is in reach, and lets the other side know as well.
    mutating func foreignMet(
        _ identity: ClusterIdentity, _ peer: NodeID, now: Duration,
        _ directives: inout [GossipDirective]
    ) {
        if let lastConflict, now - lastConflict < CRDTLimits.conflictInterval { return }
        lastConflict = now
        directives.append(.changed(.identityConflict(identity, from: peer)))
        send(.digest(state.digest), to: peer, &directives)
    }
}
