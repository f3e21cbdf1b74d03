internal import Cluster
internal import Loop
internal import Model
internal import Sealing
internal import Transfer

// Uploads that others fetch while they come: the nodes that are about to hold a large file hear how far
// it is, so that little is left to be done when its client has sent the end.
extension Store {
    /// So many bytes of an upload are in its staging file.
    func tellGrowth(of operation: OperationID, to byteCount: UInt64) {
        guard let upload = uploads[operation], upload.phase == .open, let path = upload.path,
            byteCount >= upload.toldByteCount + TransferLimits.growthStep
        else { return }
        let nodes = cluster.node.willHold(Partition(of: path))
        guard !nodes.isEmpty else { return }
        uploads[operation]?.toldByteCount = byteCount
        let object = shelve(operation)
        for node in nodes { send(.grows(object, byteCount: byteCount), to: node) }
    }

    /// The name of an upload's content, under which others get it from here on.
    func shelve(_ operation: OperationID) -> ObjectID {
        if let object = uploads[operation]?.object { return object }
        let object = uploads[operation]?.sealedAs ?? makeObjectID()
        uploads[operation]?.object = object
        cluster.shelf.put(
            object, .staged(operation), byteCount: 0, now: loop.now, isPinned: true)
        return object
    }

    /// How many bytes of a content are in a staging file that has so many.
    func contentByteCount(staged byteCount: UInt64) -> UInt64 {
        guard engine.directory.sealing != nil else { return byteCount }
        return SealedLayout.standard.growingByteCount(ofStored: byteCount)
    }

    /// How much is fetched of a content of which somebody has so many bytes by now, and will have more. What
    /// is sealed here is written in whole chunks, and the last one when it is known to be that.
    func fetchedByteCount(growing byteCount: UInt64) -> UInt64 {
        guard engine.directory.sealing != nil else { return byteCount }
        let size = UInt64(SealingLimits.chunkByteCount)
        return (byteCount - min(1, byteCount)) / size * size
    }

    /// The upload was given up before its end.
    func growthEnded(_ upload: Uploads.Upload) {
        guard let object = upload.object, let path = upload.path else { return }
        cluster.shelf.unpin(object, now: loop.now)
        // One that is being read for somebody falls off later.
        _ = cluster.shelf.take(object)
        for node in cluster.node.willHold(Partition(of: path)) { send(.gone(object), to: node) }
    }
}
