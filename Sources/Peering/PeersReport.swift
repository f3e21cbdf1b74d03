package import IPC
package import Model

/// What a gateway knows of other nodes at one moment, for `/status`, `clusterfctl peers` and `doctor`.
package struct PeersReport: Equatable, Sendable {
    package struct Peer: Equatable, Sendable {
        package enum Link: String, Sendable {
            case linked
            case connecting
            /// Wanted, and not there: a try is due later.
            case waiting
            /// Not used now.
            case idle
        }

        package var node: NodeID
        package var link: Link
        /// Where the link goes to, or where the next try would.
        package var address: PeerAddress?
        package var addresses: [AddressBook.Candidate]
        /// How long ago something was heard of it, over the link or by discovery.
        package var silentFor: Duration?
        /// Bytes that wait for it.
        package var waitingByteCount: Int
        package var droppedMessages: UInt64
        /// Why there is no link, for people.
        package var problem: String?
    }

    package struct Seed: Equatable, Sendable {
        package var name: String
        package var node: NodeID?
        package var problem: String?
    }

    package var peers: [Peer]
    package var seeds: [Seed]
    package var foreign: [PeerJournal.Foreign]
    /// The oldest first; `at` is how long ago.
    package var incidents: [PeerJournal.Incident]
    /// Hosts with another cluster key, or on one side only, that were seen lately.
    package var keyIncidents: [PeerJournal.KeyIncident] = []
    package var counts: PeerJournal.Counts
    package var linkCount: Int
}

/// The same in short: what the network does to this node, without a list of nodes.
package struct PeersSummary: Equatable, Sendable {
    package var hasClusterKey: Bool
    package var linkCount: Int
    package var counts: PeerJournal.Counts
    /// Hosts with another cluster key, or on one side only, that were seen lately.
    package var keyIncidents: [PeerJournal.KeyIncident]
}

extension PeerExchange {
    package func summary(now: Duration) -> PeersSummary {
        PeersSummary(
            hasClusterKey: !context.isOpenNetwork, linkCount: linkCount,
            counts: context.journal.counts,
            keyIncidents: keyIncidents(now: now))
    }

    private func keyIncidents(now: Duration) -> [PeerJournal.KeyIncident] {
        context.journal.keyIncidents.filter {
            now - $0.lastSeen <= PeeringLimits.keyProblemAge
        }
    }

    private var linkCount: Int { links.connections.values.count { $0.state == .current } }

    /// All that is known of peers now. - Parameter max: nodes in it, those with links first.
    package func report(now: Duration, max: Int = 1_000) -> PeersReport {
        let nodes = Set(links.peers.keys).union(discovery.neighbours.keys)
            .sorted { a, b in
                let linked = (links.link(to: a) != nil, links.link(to: b) != nil)
                return linked.0 != linked.1 ? linked.0 : a < b
            }
        return PeersReport(
            peers: nodes.prefix(max).map { peer($0, now: now) },
            seeds: seeds.seeds.map { .init(name: $0.name, node: $0.node, problem: $0.problem) },
            foreign: context.journal.foreign.map { foreign in
                var foreign = foreign
                foreign.lastHeard = now - foreign.lastHeard
                return foreign
            },
            incidents: context.journal.incidents.map { incident in
                var incident = incident
                incident.at = now - incident.at
                return incident
            },
            keyIncidents: keyIncidents(now: now),
            counts: context.journal.counts,
            linkCount: linkCount)
    }

    private func peer(_ node: NodeID, now: Duration) -> PeersReport.Peer {
        let state = links.peers[node]
        let link = links.link(to: node)
        let heard = [link?.lastReceived, discovery.neighbours[node]?.lastHeard]
            .compactMap { $0 }.max()
        let condition: PeersReport.Peer.Link =
            if link != nil {
                .linked
            } else if state?.dial != nil {
                .connecting
            } else {
                state?.retryAt != nil ? .waiting : .idle
            }
        return PeersReport.Peer(
            node: node, link: condition, address: link?.address ?? context.book.best(of: node),
            addresses: context.book.candidates(of: node), silentFor: heard.map { now - $0 },
            waitingByteCount: state?.queue.byteCount ?? 0, droppedMessages: state?.dropped ?? 0,
            problem: link == nil ? state?.problem : nil)
    }
}
