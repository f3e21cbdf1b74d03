internal import Cluster
internal import Loop
internal import Model
internal import Replication
internal import Transfer

// A content that gets another name is brought to the nodes that will hold it before its version is made:
// the brains wait a second for a holder, not for its network. That takes as long as bytes come: who is
// silent for `TransferLimits.offerSilenceMax` is waited for no longer.
extension Store {
    /// - Parameter home: whose holders have it.
    func bring(
        _ content: NamedContent, from home: Partition, to partition: Partition,
        _ done: @escaping () -> Void
    ) {
        let facts = content.facts
        guard !facts.isSmall else { return done() }
        let named = NamedContent(
            object: facts.object, byteCount: facts.byteCount, digest: facts.digest, home: home)
        guard cluster.node.willStore(partition) else {
            return offer(facts, home: home, for: partition) { _ in done() }
        }
        // Here and elsewhere at one time; it stays, though others take longer.
        fetchFirst([named], for: partition) { self.cluster.shelf.pin(facts.object) }
        offer(facts, home: home, for: partition) { _ in
            self.fetchFirst([named], for: partition) {
                done()
                self.cluster.shelf.unpin(facts.object, now: self.loop.now)
            }
        }
    }

    /// The same of the file at a path that is moved or copied.
    func bring(
        fileAt path: StorePath, byteCount: UInt64?, to target: StorePath,
        _ done: @escaping () -> Void
    ) {
        let (home, partition) = (Partition(of: path), Partition(of: target))
        let isSmall = byteCount.map { $0 <= UInt64(TransferLimits.attachedByteCountMax) } ?? false
        guard !isSmall, cluster.node.hasOtherHolders(partition, than: home) else { return done() }
        askCluster(.get(path, .checked)) { answer in
            // Anything else the request itself is answered.
            guard case .file(let record) = answer else { return done() }
            let content = NamedContent(
                object: record.object, byteCount: record.byteCount, digest: record.digest)
            self.bring(content, from: home, to: partition, done)
        }
    }
}
