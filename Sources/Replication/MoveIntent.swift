package import Model

/// That a file is being moved: each holder that takes part in the making of the destination keeps it
/// with what it prepares, in the same transaction, until it heard that the source is gone. Whoever
/// finds it finishes the move, also when the mover is gone.
package struct MoveIntent: Hashable, Sendable {
    package var source: StorePath
    /// The version of the source that is moved. Another one stays.
    package var dot: Dot
    package var destination: StorePath
    /// The client's operation: its halves follow from it, so that whoever does them again does the same.
    package var operation: OperationID

    package init(
        source: StorePath, dot: Dot, destination: StorePath, operation: OperationID
    ) {
        self.source = source
        self.dot = dot
        self.destination = destination
        self.operation = operation
    }

    /// The operation that makes the destination.
    package var placing: OperationID { operation.moving(dot) }
}

/// A row of the moves that are not over.
package struct MoveRow: Hashable, Sendable {
    package var intent: MoveIntent
    /// Whether it is known that the destination was made, and was durable: it may be anything by now.
    package var isPlaced: Bool

    package init(intent: MoveIntent, isPlaced: Bool = false) {
        self.intent = intent
        self.isPlaced = isPlaced
    }
}

extension OperationID {
    /// The operation's second half: the same each time that it is repeated.
    package var second: OperationID {
        OperationID(bits: Bits128(high: bits.high, low: bits.low ^ 1))
    }

    /// The part of a move that places this version of the source. Sent again when the source is another
    /// one by now, it must not pass for the placing of what was there before.
    package func moving(_ dot: Dot) -> OperationID {
        var mixer = Fingerprint.Mixer(seed: bits.low)
        mixer.add(dot.disk)
        mixer.add(dot.sequence)
        return OperationID(bits: Bits128(high: bits.high, low: mixer.finish().low))
    }
}

extension Replica {
    /// Keeps the intent that came with a write, where the write left something here.
    /// - Returns: `reply`.
    static func keep(
        _ intent: MoveIntent?, after reply: ReplicaReply, _ tables: inout some ReplicaTables,
        _ outcome: inout ReplicaOutcome
    ) -> ReplicaReply {
        guard let intent else { return reply }
        switch reply {
        case .assigned, .prepared, .accepted:
            tables.addMove(intent)
            outcome.hasMoves = true
        default: break
        }
        return reply
    }

    static func moves(
        _ request: ReplicaRequest, _ tables: inout some ReplicaTables
    ) -> ReplicaReply {
        switch request {
        case .moves(let after, let limit):
            return .moves(tables.moves(after: after, limit: limit))
        case .movePlaced(let placing): tables.setMovePlaced(placing)
        case .moveOver(let placing): tables.removeMove(placing)
        default: preconditionFailure("not of moves: \(request)")
        }
        return .done
    }
}
