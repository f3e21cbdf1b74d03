package import Model
package import Replication

/// How much is asked of the locks around a path.
package enum LockReach: Hashable, Sendable {
    /// Those that cover the path, taken above it included.
    case path
    /// And those of the names in it.
    case members
    /// And all that were taken below it.
    case below
    /// And those of the directory that it is in which keep that one's names from coming and going: all
    /// that may be in the way of who takes away or replaces the tree.
    case tree
}

// Which locks are in the way: one rule for what is looked at before and for each write.
extension [PlacedLock] {
    /// Those in the way of who shows `tokens` and changes a path, where these are the locks that cover
    /// that: an exclusive lock without its token, and shared ones where it shows the token of none.
    package func barring(_ tokens: [LockToken]) -> [PlacedLock] {
        let holdsShared = contains {
            $0.lock.scope == .shared && tokens.contains($0.lock.token)
        }
        return filter {
            !tokens.contains($0.lock.token) && !($0.lock.scope == .shared && holdsShared)
        }
    }

    /// The same of who changes all that is in `tree`, where these are the locks of `LockReach.tree`: what
    /// bars the write of some path in it.
    package func barring(_ tokens: [LockToken], in tree: StorePath) -> [PlacedLock] {
        let byPlace = Dictionary(grouping: self, by: \.path)
        var result: [PlacedLock] = []
        var known: Set<PlacedLock> = []
        func add(_ covering: [PlacedLock]) {
            result += covering.barring(tokens).filter { known.insert($0).inserted }
        }
        for place in [tree] + byPlace.keys.filter({ $0.isBelow(tree) }).sorted() {
            let deep = ([place] + place.ancestors)
                .flatMap { byPlace[$0] ?? [] }.filter { $0.lock.depth == .infinity }
            let own = (byPlace[place] ?? []).filter { $0.lock.depth == .zero }
            add(own + deep)
            // What is below it and has no lock of its own.
            add(deep)
        }
        if let parent = tree.parent {
            add((byPlace[parent] ?? []).filter { $0.lock.depth == .zero })
        }
        return result
    }
}
