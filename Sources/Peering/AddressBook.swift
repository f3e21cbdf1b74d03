package import IPC
package import Model

/// Where nodes are, as far as is known, and from whom.
package struct AddressBook: Sendable {
    /// Who said so; the higher is tried first.
    package enum Source: UInt8, Sendable, Comparable, CaseIterable {
        /// A person, with --join.
        case join = 0
        /// The cluster's state, told by the store.
        case book = 1
        /// The node itself, to everybody.
        case discovery = 2
        /// The node itself: a datagram or a connection of its own came from there.
        case contact = 3

        package var name: String {
            switch self {
            case .join: "join"
            case .book: "cluster"
            case .discovery: "discovery"
            case .contact: "contact"
            }
        }

        package static func < (a: Source, b: Source) -> Bool { a.rawValue < b.rawValue }
    }

    package struct Candidate: Equatable, Sendable {
        package var address: PeerAddress
        package var source: Source
        package var heardAt: Duration
        /// Tries that failed since the last that did not.
        package var failures: UInt32 = 0
    }

    private var nodes: [NodeID: [Candidate]] = [:]

    package init() {}

    package var nodeCount: Int { nodes.count }

    /// What is known of a node, in the order in which it is tried: what did not fail, then who said so,
    /// then what was heard last.
    package func candidates(of node: NodeID) -> [Candidate] {
        (nodes[node] ?? []).sorted(by: AddressBook.isTriedBefore)
    }

    package func knows(_ node: NodeID, at address: PeerAddress) -> Bool {
        nodes[node]?.contains { $0.address == address } ?? false
    }

    /// Where a datagram for the node goes; nil where no address is known.
    package func best(of node: NodeID) -> PeerAddress? {
        nodes[node]?.min(by: AddressBook.isTriedBefore)?.address
    }

    private static func isTriedBefore(_ a: Candidate, _ b: Candidate) -> Bool {
        if a.failures != b.failures { return a.failures < b.failures }
        if a.source != b.source { return a.source > b.source }
        if a.heardAt != b.heardAt { return a.heardAt > b.heardAt }
        // Any order that is the same every time.
        return (a.address.host, a.address.port) < (b.address.host, b.address.port)
    }

    // MARK: What is heard

    /// `node` is at `address`.
    ///
    /// What the node says itself takes a failure back: it is there again.
    package mutating func heard(
        _ node: NodeID, at address: PeerAddress, from source: Source, now: Duration
    ) {
        if nodes[node] == nil { makeRoom() }
        var known = nodes[node] ?? []
        if let index = known.firstIndex(where: { $0.address == address }) {
            known[index].source = max(known[index].source, source)
            known[index].heardAt = now
            if source >= .discovery { known[index].failures = 0 }
        } else {
            known.append(Candidate(address: address, source: source, heardAt: now))
            if known.count > PeeringLimits.addressesMax {
                known.sort(by: AddressBook.isTriedBefore)
                // The new one stays, whatever its rank: it is the one that may be true now.
                let last = known.lastIndex { $0.address != address } ?? known.count - 1
                known.remove(at: last)
            }
        }
        nodes[node] = known
    }

    /// The cluster's state names these addresses of the node, in place of those that it named before.
    package mutating func told(_ node: NodeID, _ addresses: [PeerAddress], now: Duration) {
        nodes[node]?.removeAll { $0.source == .book && !addresses.contains($0.address) }
        for address in addresses { heard(node, at: address, from: .book, now: now) }
        if nodes[node]?.isEmpty == true { nodes[node] = nil }
    }

    /// Of too many nodes the one of which nothing was heard for the longest is forgotten.
    private mutating func makeRoom() {
        guard nodes.count >= PeeringLimits.nodesMax else { return }
        let oldest = nodes.min { a, b in
            let (heardA, heardB) = (AddressBook.lastHeard(a.value), AddressBook.lastHeard(b.value))
            return heardA != heardB ? heardA < heardB : a.key < b.key
        }
        if let oldest { nodes[oldest.key] = nil }
    }

    private static func lastHeard(_ candidates: [Candidate]) -> Duration {
        candidates.map(\.heardAt).max() ?? .zero
    }

    // MARK: What became of a try

    package mutating func failed(_ node: NodeID, at address: PeerAddress) {
        change(node, address) { $0.failures = min($0.failures + 1, 1 << 20) }
    }

    package mutating func succeeded(_ node: NodeID, at address: PeerAddress, now: Duration) {
        heard(node, at: address, from: .contact, now: now)
    }

    /// The address is somebody else's.
    package mutating func remove(_ node: NodeID, at address: PeerAddress) {
        nodes[node]?.removeAll { $0.address == address }
        if nodes[node]?.isEmpty == true { nodes[node] = nil }
    }

    private mutating func change(
        _ node: NodeID, _ address: PeerAddress, _ body: (inout Candidate) -> Void
    ) {
        guard let index = nodes[node]?.firstIndex(where: { $0.address == address }) else { return }
        nodes[node]?[index].withMutation(body)
    }
}

extension AddressBook.Candidate {
    fileprivate mutating func withMutation(_ body: (inout Self) -> Void) { body(&self) }
}
