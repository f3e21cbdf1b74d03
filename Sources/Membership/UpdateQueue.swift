import Model

/// Which updates go along with messages next: those that were sent least.
struct UpdateQueue: Sendable {
    private struct Place: Sendable {
        var index: Int
        var revision: UInt32
    }

    /// By how often they were sent. Each part is used from `heads` on.
    private var places: [[Place]] = []
    private var heads: [Int] = []
    private(set) var count = 0

    /// The peer changed: it is sent from the beginning.
    mutating func add(_ index: Int, revision: UInt32) {
        if places.isEmpty {
            places = [[]]
            heads = [0]
        }
        places[0].append(Place(index: index, revision: revision))
        count += 1
    }

    /// Up to `limit` updates of at most `byteCount` bytes together; `rounds` is how often each is
    /// sent at all.
    mutating func take(
        limit: Int, byteCount: Int, rounds: Int, from table: PeerTable,
        into updates: inout [PeerUpdate]
    ) {
        guard count > 0 else { return }
        var left = byteCount
        var taken: [(Place, Int)] = []
        search: for level in places.indices {
            while heads[level] < places[level].count {
                guard taken.count < limit else { break search }
                let place = places[level][heads[level]]
                let peer = table[place.index]
                guard peer.revision == place.revision, !peer.isForgotten else {
                    drop(level)
                    continue
                }
                let update = peer.update
                guard update.byteCount <= left else { break search }
                left -= update.byteCount
                updates.append(update)
                drop(level)
                taken.append((place, level + 1))
            }
        }
        for (place, level) in taken where level < rounds {
            while places.count <= level {
                places.append([])
                heads.append(0)
            }
            places[level].append(place)
            count += 1
        }
    }

    private mutating func drop(_ level: Int) {
        heads[level] += 1
        count -= 1
        if heads[level] == places[level].count {
            places[level].removeAll(keepingCapacity: true)
            heads[level] = 0
        } else if heads[level] > 256, heads[level] * 2 > places[level].count {
            places[level].removeFirst(heads[level])
            heads[level] = 0
        }
    }
}
