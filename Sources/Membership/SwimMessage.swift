package import Model

/// One datagram between two nodes. Every one says who sent it, in which incarnation.
package struct SwimMessage: Hashable, Sendable {
    package enum Body: Hashable, Sendable {
        case ping(sequence: UInt64)
        /// `isRestarting`: the gateway answers for a store that is being restarted.
        case ack(sequence: UInt64, isRestarting: Bool)
        /// Probe `target` for the sender.
        case pingRequest(sequence: UInt64, target: NodeID)
        /// The helper's probe was not answered in time either: but the helper is there.
        case nack(sequence: UInt64)
        /// The sum over the sender's table; `wants`: it is to be told where it differs.
        case table(sum: Fingerprint, wants: Bool)
        /// A part of the sender's table.
        case page
        /// A goodbye, or nothing but updates.
        case updates
    }

    package var body: Body
    package var sender: PeerUpdate
    /// The sender's wall clock, in milliseconds since 1970.
    package var wallMilliseconds: UInt64
    package var updates: [PeerUpdate]

    package init(
        body: Body, sender: PeerUpdate, wallMilliseconds: UInt64, updates: [PeerUpdate]
    ) {
        self.body = body
        self.sender = sender
        self.wallMilliseconds = wallMilliseconds
        self.updates = updates
    }

    /// Bytes of the encoding; at most `MembershipLimits.datagramByteCountMax` for what this room
    /// makes.
    package var byteCount: Int {
        var count = 1 + 1 + sender.byteCount + 8 + 2
        switch body {
        case .ping, .nack: count += 8
        case .ack: count += 8 + 1
        case .pingRequest(_, let target): count += 8 + 4 + target.name.utf8.count
        case .table: count += 16 + 1
        case .page, .updates: break
        }
        for update in updates { count += update.byteCount }
        return count
    }

    /// One word for a trace.
    package var kind: String {
        switch body {
        case .ping: "ping"
        case .ack: "ack"
        case .pingRequest: "ping-request"
        case .nack: "nack"
        case .table: "table"
        case .page: "page"
        case .updates: "updates"
        }
    }
}
