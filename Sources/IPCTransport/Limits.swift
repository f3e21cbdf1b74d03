/// The numbers of this room, each with its reason.
package enum TransportLimits {
    /// Bytes that wait for a peer before its requests are read no more and own requests wait: a
    /// frame of the largest size. What a peer asked for by then may still add to it.
    package static let backPressureByteCount = 1 << 20

    /// Bytes that wait for a peer before its link is cut: all that the default credit allows, 1024
    /// answers of 64 KiB, and the largest frame.
    package static let pendingByteCountMax = 65 << 20

    /// Own requests that wait for credit; more fail at once. As many as the largest credit.
    package static let waitingRequestsMax = 65_536

    /// How long a peer may take from connecting to the end of its handshake: it needs microseconds,
    /// or the rest of a time slice of a stopped machine.
    package static let handshakeTime: Duration = .seconds(5)

    /// Connections of one server whose handshake or whose descriptor socket is still to come. A
    /// node has a handful of workers; this bounds what a broken one can hold.
    package static let unpairedMax = 64

    /// Links of one server at a time: each event loop of two generations of workers has one (at
    /// most 4 loops), and clusterfctl by hand.
    package static let linksMax = 32

    /// The first pause before connecting again, and the longest: a restarting store is back within
    /// tens of milliseconds, and a missing one is looked for twice a second.
    package static let backOffMin: Duration = .milliseconds(10)
    package static let backOffMax: Duration = .milliseconds(500)

    /// The pause when too many descriptors of this user are under way (ETOOMANYREFS), of which the
    /// kernel tells no end.
    static let descriptorRest: Duration = .milliseconds(5)

    /// What the kernel accounts for one small message with a descriptor. With it the send buffer
    /// of a descriptor socket holds about `IPCLimits.descriptorsInFlightMax` of them.
    static let descriptorMessageCost = 768
}
