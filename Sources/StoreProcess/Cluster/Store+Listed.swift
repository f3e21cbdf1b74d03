internal import Cluster
internal import Loop
internal import Model

/// A directory that a client made or deleted, and whether the one above it is to list it.
struct AwaitedListing {
    let path: StorePath
    let isThere: Bool
    var looks = 0
    let done: () -> Void
}

// That a directory came or went is durable, and reaches the listing of the one above it a moment later. Programs
// look there next: one that deletes a tree itself would find a name in a directory that it has emptied.
extension Store {
    /// Goes on when the directory above lists the path, or does not any more; and after some tries anyway: the
    /// write is done, and the nodes that hold the listing may be away.
    func whenListed(_ path: StorePath, _ isThere: Bool, _ done: @escaping () -> Void) {
        nextListing += 1
        let id = nextListing
        listings[id] = AwaitedListing(path: path, isThere: isThere, done: done)
        do {
            // A look may wait for a holder that is silent; the client's own time goes on.
            _ = try loop.schedule(after: StoreLimits.listedTimeMax) { [weak self] in
                self?.assumeIsolated { $0.endListing(id) }
            }
        } catch {
            Log.error("no timer for a listing", ["error": "\(error)"])
            return endListing(id)
        }
        lookWhetherListed(id)
    }

    private func lookWhetherListed(_ id: UInt64) {
        guard let awaited = listings[id] else { return }
        let path = awaited.path
        guard let directory = path.parent else { return endListing(id) }
        listings[id]?.looks += 1
        askCluster(.list(directory, after: Store.nameBefore(path.name), limit: 1)) { answer in
            let isListed: Bool
            switch answer {
            case .listing(let entries, _): isListed = entries.first?.name == [UInt8](path.name)
            case .notFound: isListed = false
            default: return self.endListing(id)
            }
            if isListed == awaited.isThere { return self.endListing(id) }
            do {
                _ = try self.loop.schedule(after: StoreLimits.listedDelay * (awaited.looks + 1)) {
                    [weak self] in self?.assumeIsolated { $0.lookWhetherListed(id) }
                }
            } catch {
                Log.error("no timer for a listing", ["error": "\(error)"])
                self.endListing(id)
            }
        }
    }

    private func endListing(_ id: UInt64) { listings.removeValue(forKey: id)?.done() }

    /// Bytes that come before the name, and behind all names before it: names are UTF-8, which has no 0xFF,
    /// and none is longer than `StorePath.componentByteCountMax`.
    static func nameBefore(_ name: ArraySlice<UInt8>) -> [UInt8]? {
        guard let last = name.last, last > 0 else { return nil }
        let before = name.dropLast() + [last - 1]
        return before.count < StorePath.componentByteCountMax ? before + [0xFF] : Array(before)
    }
}
