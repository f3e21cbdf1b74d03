package import IPC
package import Model

/// What a gateway remembers of strangers and refusals, for people who ask why two nodes do not meet.
package struct PeerJournal: Sendable {
    /// Another cluster's name that was heard.
    package struct Foreign: Equatable, Sendable {
        package var cluster: ClusterName
        package var count: UInt64
        package var address: PeerAddress
        package var lastHeard: Duration
    }

    /// Something that a person may have to settle.
    package struct Incident: Equatable, Sendable {
        package var at: Duration
        /// Whom it is about, where that is known.
        package var node: NodeID?
        package var address: PeerAddress?
        package var sentence: String
        /// How often it happened in a row.
        package var count: UInt64
    }

    /// A host that does not fit for its cluster key.
    package struct KeyIncident: Equatable, Sendable {
        package var problem: KeyProblem
        package var node: NodeID?
        package var address: PeerAddress
        package var lastSeen: Duration
        package var count: UInt64

        package var sentence: String { problem.sentence(node: node, host: address.host) }
    }

    /// What was not passed on, and why; grows only.
    package struct Counts: Equatable, Sendable {
        /// Messages for peers that waited in vain, or for which there was no room.
        package var messagesDropped: UInt64 = 0
        /// Datagrams for nodes without a known address.
        package var datagramsWithoutAddress: UInt64 = 0
        package var datagramsMalformed: UInt64 = 0
        package var datagramsOfOtherVersions: UInt64 = 0
        package var datagramsForeign: UInt64 = 0
        package var datagramsReceived: UInt64 = 0
        package var datagramsSent: UInt64 = 0
        /// From addresses of everybody, in an open network.
        package var fromPublicAddresses: UInt64 = 0
        package var connectionsRefused: UInt64 = 0
        package var answersWithheld: UInt64 = 0
        package var messagesReceived: UInt64 = 0
        package var messagesSent: UInt64 = 0

        // Of cluster keys.
        /// With the id of this key and a code that is not made with it.
        package var datagramsForged: UInt64 = 0
        /// Good ones that came before, or answer what was not asked.
        package var datagramsReplayed: UInt64 = 0
        /// Good ones of a life, or from a place, that had not answered yet.
        package var datagramsUnproven: UInt64 = 0
        package var datagramsOfOtherKeys: UInt64 = 0
        /// Of nodes without a key, here with one.
        package var datagramsWithoutKey: UInt64 = 0
        /// Of nodes with a key, here without one.
        package var datagramsWithKey: UInt64 = 0
        package var challengesSent: UInt64 = 0
        package var connectionsOfOtherKeys: UInt64 = 0
        package var connectionsWithoutKey: UInt64 = 0
        package var connectionsWithKey: UInt64 = 0
        /// Whose first bytes were nothing that a gateway says.
        package var connectionsOfNobody: UInt64 = 0
    }

    package private(set) var foreign: [Foreign] = []
    /// The oldest first.
    package private(set) var incidents: [Incident] = []
    package private(set) var keyIncidents: [KeyIncident] = []
    package var counts = Counts()

    package init() {}

    /// What anybody can pretend must not push out what is true, nor fill a log: of many hosts the first
    /// ones are kept, until they are settled.
    /// - Returns: whether it is news.
    mutating func note(
        _ problem: KeyProblem, node: NodeID?, at address: PeerAddress, now: Duration
    ) -> Bool {
        if let index = keyIncidents.firstIndex(where: {
            $0.problem == problem && $0.address.host == address.host
        }) {
            let isAgain = now - keyIncidents[index].lastSeen > PeeringLimits.keyProblemAge
            keyIncidents[index].node = node ?? keyIncidents[index].node
            keyIncidents[index].address = address
            keyIncidents[index].lastSeen = now
            keyIncidents[index].count += 1
            return isAgain
        }
        if keyIncidents.count >= PeeringLimits.keyProblemsMax {
            keyIncidents.removeAll { now - $0.lastSeen > PeeringLimits.keyProblemAge }
        }
        guard keyIncidents.count < PeeringLimits.keyProblemsMax else { return false }
        keyIncidents.append(
            KeyIncident(problem: problem, node: node, address: address, lastSeen: now, count: 1))
        return true
    }

    /// - Returns: whether the name is new here.
    mutating func heardForeign(
        _ cluster: ClusterName, at address: PeerAddress, now: Duration
    ) -> Bool {
        if let index = foreign.firstIndex(where: { $0.cluster == cluster }) {
            foreign[index].count += 1
            foreign[index].address = address
            foreign[index].lastHeard = now
            return false
        }
        if foreign.count >= PeeringLimits.foreignNamesMax,
            let oldest = foreign.indices.min(by: { foreign[$0].lastHeard < foreign[$1].lastHeard })
        {
            foreign.remove(at: oldest)
        }
        foreign.append(Foreign(cluster: cluster, count: 1, address: address, lastHeard: now))
        return true
    }

    /// - Returns: whether it is news: not the same as one that is remembered.
    mutating func note(
        _ sentence: String, node: NodeID?, address: PeerAddress?, now: Duration
    ) -> Bool {
        if let index = incidents.firstIndex(where: { $0.sentence == sentence && $0.node == node }) {
            var incident = incidents.remove(at: index)
            incident.count += 1
            incident.at = now
            incident.address = address
            incidents.append(incident)
            return false
        }
        if incidents.count >= PeeringLimits.incidentsMax { incidents.removeFirst() }
        incidents.append(
            Incident(at: now, node: node, address: address, sentence: sentence, count: 1))
        return true
    }
}
