package import Model

/// The brain of one running store: events in, directives out; no IO, no clock, no randomness of
/// its own. It dies with its process; what must survive is on its `NodeDisk`.
package struct ClusterNode: Sendable {
    /// When `timePassed` wants to be called at the latest.
    package private(set) var nextDeadline: Duration = .zero

    /// Starts a life on `disk` (its contents as they are durable).
    package init(
        _ configuration: NodeConfiguration, disk: NodeDisk, now: Now,
        using generator: inout SplitMix64, into directives: inout [NodeDirective]
    ) {
        _ = configuration
        nextDeadline = now.monotonic + .seconds(1)
    }

    package mutating func timePassed(
        _ now: Now, using generator: inout SplitMix64, into directives: inout [NodeDirective]
    ) {
        nextDeadline = now.monotonic + .seconds(1)
    }

    package mutating func received(
        _ message: PeerMessage, from peer: NodeID, _ now: Now, using generator: inout SplitMix64,
        into directives: inout [NodeDirective]
    ) {}

    package mutating func asked(
        _ request: ClientRequest, _ ticket: ClientTicket, _ now: Now,
        using generator: inout SplitMix64, into directives: inout [NodeDirective]
    ) {
        directives.append(.answer(ticket, .unavailable(.notReady)))
    }

    package mutating func stored(
        _ ticket: StorageTicket, _ answer: StorageAnswer, _ now: Now,
        using generator: inout SplitMix64, into directives: inout [NodeDirective]
    ) {}

    // For checkers and status; never for decisions of other nodes.

    /// The layouts in use, oldest first; the last is the newest.
    package var layouts: [Layout] { [] }
    /// Whether this node declared the newest layout synced and nothing is left to move or hand back.
    package var isSettled: Bool { false }
    /// What the node holds in memory, for bounds: named counts.
    package var sizes: [(name: String, count: Int)] { [] }
}
