import Model

/// One event being handled: its time, the generator, and what is to be done about it.
struct Turn {
    let now: Now
    var generator: SplitMix64
    var directives: [NodeDirective]

    mutating func send(_ message: PeerMessage, to node: NodeID) {
        directives.append(.send(message, to: node))
    }
}
