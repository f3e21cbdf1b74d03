package import IPC
package import Model

/// A connection of one life of a gateway, for as long as its driver knows it.
package struct ConnectionID: Hashable, Sendable, Comparable {
    package let number: UInt64
    package init(number: UInt64) { self.number = number }
    package static func < (a: ConnectionID, b: ConnectionID) -> Bool { a.number < b.number }
}

/// What the core wants done.
package enum PeerDirective: Equatable, Sendable {
    case sendDatagram([UInt8], to: PeerAddress)
    /// To everybody who listens on the discovery port.
    case broadcast([UInt8])
    /// Connects; answered by `opened` or `dialFailed`.
    case dial(ConnectionID, PeerAddress)
    /// Answered by `written` when the kernel has taken it.
    case write(ConnectionID, [UInt8])
    /// Closes after what was written; no event of the connection follows.
    case close(ConnectionID)
    /// The connection is welcomed, and carries contents from here on: the driver's affair, until
    /// `bulkEnded`.
    case bulk(ConnectionID, NodeID)
    /// To the store.
    case deliver(PeerPart)
    /// To the store: the node is within reach.
    case found(NodeID)
    /// Looks up the name of a seed; answered by `seedResolved`.
    case resolve(seed: Int)
    case say(PeerNotice)
}

/// What people should read in the log.
package struct PeerNotice: Equatable, Sendable {
    package enum Level: Sendable {
        case debug
        case info
        case warning
    }

    package var level: Level
    package var text: String

    package init(_ level: Level, _ text: String) {
        self.level = level
        self.text = text
    }
}
