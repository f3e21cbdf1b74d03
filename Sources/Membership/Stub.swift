package import Model

package enum SwimMessage: Sendable {
    case ping(UInt64)
    case ack(UInt64)
    package var byteCount: Int { 50 }
}
package enum PeerState: String, Sendable { case alive, suspect, dead, out, left }
package enum MembershipDirective: Sendable {
    case send(SwimMessage, to: NodeID)
    case changed(NodeID, from: PeerState?, to: PeerState)
    case rejoined(NodeID, DiskID)
    case restarting(NodeID, Bool)
    case clockSample(NodeID, Int64)
    case graceOver(NodeID)
    case duplicateIdentity(NodeID, DiskID, DiskID)
    case persist([NodeID])
}
package struct Membership: Sendable {
    package struct Configuration: Sendable {
        package var grace: Duration; package init(grace: Duration) { self.grace = grace }
    }
    package init(
        node: NodeID, disk: DiskID, life: UInt32, now: Duration, configuration: Configuration
    ) { own = node }
    var own: NodeID
    var known: [NodeID] = []
    package private(set) var nextDeadline: Duration = .zero
    package mutating func timePassed(
        now: Duration, wallMilliseconds: UInt64, using g: inout SplitMix64,
        into d: inout [MembershipDirective]
    ) {
        nextDeadline = now + .milliseconds(500); for k in known { d.append(.send(.ping(0), to: k)) }
    }
    package mutating func received(
        _ m: SwimMessage, from: NodeID, now: Duration, wallMilliseconds: UInt64,
        using g: inout SplitMix64, into d: inout [MembershipDirective]
    ) {
        if !known.contains(from) {
            known.append(from); known.sort(); d.append(.changed(from, from: nil, to: .alive))
        }
    }
    package mutating func join(
        _ peers: [NodeID], now: Duration, wallMilliseconds: UInt64, using g: inout SplitMix64,
        into d: inout [MembershipDirective]
    ) { for p in peers { d.append(.send(.ping(0), to: p)) } }
    package func isAlive(_ n: NodeID) -> Bool { known.contains(n) }
    package func isGone(_ n: NodeID) -> Bool { false }
    package var alivePeers: [NodeID] { known }
    package mutating func membersChanged(_ m: [NodeID]) {}
}
