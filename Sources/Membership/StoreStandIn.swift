import Model

/// What a gateway answers to pings while its store is away for a moment: the node is there, and its
/// store will be again.
///
/// It refutes suspicions of the life that ends (the next one is above all of them), and answers for
/// `MembershipLimits.restartMax` at most: a store that does not come back is missed as any other.
package struct StoreStandIn: Sendable {
    private var own: PeerUpdate
    private let end: Duration

    /// - Parameter now: monotonic time, as in `received`.
    package init(_ own: PeerUpdate, now: Duration) {
        self.own = own
        end = now + MembershipLimits.restartMax
    }

    /// - Returns: the answer to the sender; nil where there is none.
    package mutating func received(
        _ message: SwimMessage, now: Duration, wallMilliseconds: UInt64
    ) -> SwimMessage? {
        guard now < end, case .ping(let sequence) = message.body else { return nil }
        for update in message.updates
        where update.node == own.node && update.disk == own.disk && update.life == own.life
            && update.state != .left && update.supersedes(own.incarnation, own.state)
            && UInt32(truncatingIfNeeded: update.incarnation) < .max
        {
            own.incarnation = update.incarnation + 1
        }
        return SwimMessage(
            body: .ack(sequence: sequence, isRestarting: true), sender: own,
            wallMilliseconds: wallMilliseconds, updates: [])
    }
}
