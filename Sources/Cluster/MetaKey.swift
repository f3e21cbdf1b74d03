/// What must survive the process beside registers and entries: rows of bytes under small keys.
package enum MetaKey: Hashable, Comparable, Sendable {
    /// The node's lives, as a big-endian number.
    case life
    /// The hybrid clock's last reading.
    case clock
    /// Peers to say hello to at the next start.
    case peers
    /// There where the node knows what its cluster agreed on (`Gossip.isInformed`).
    case informed
    /// Layouts that the disk declared synced.
    case declared
    /// The incarnation in which the node left the cluster.
    case departed
    /// How far the disk has come, as peers remember it.
    case epoch
    /// One entry of the cluster's state, as an encoded delta, under the entry's name.
    case state([UInt8])

    package static func < (a: MetaKey, b: MetaKey) -> Bool {
        switch (a, b) {
        case (.state(let a), .state(let b)): a.lexicographicallyPrecedes(b)
        default: a.number < b.number
        }
    }

    private var number: UInt8 {
        switch self {
        case .life: 0
        case .clock: 1
        case .peers: 2
        case .informed: 3
        case .declared: 4
        case .departed: 5
        case .epoch: 6
        case .state: 7
        }
    }

    /// What a disk says of itself: it begins anew where the disk becomes another one.
    package static let ofDisk: [MetaKey] = [.declared, .departed, .epoch]

    /// The key as it is written to disk: its number, then the name of a state's entry.
    package var bytes: [UInt8] {
        if case .state(let name) = self { return [number] + name }
        return [number]
    }

    /// - Parameter bytes: as `bytes` has them; nil for anything else.
    package init?(bytes: [UInt8]) {
        guard let number = bytes.first else { return nil }
        let plain: [MetaKey] = [
            .life, .clock, .peers, .informed, .declared, .departed, .epoch,
        ]
        if number == MetaKey.state([]).number {
            self = .state(Array(bytes.dropFirst()))
        } else if bytes.count == 1, let key = plain.first(where: { $0.number == number }) {
            self = key
        } else {
            return nil
        }
    }
}

/// One row; nil removes it.
package struct MetaRow: Sendable {
    package var key: MetaKey
    package var bytes: [UInt8]?

    package init(_ key: MetaKey, _ bytes: [UInt8]?) {
        self.key = key
        self.bytes = bytes
    }
}
