internal import Cluster
internal import Loop
internal import Model
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
        let object = makeObjectID()
        uploads[operation]?.object = object
        cluster.shelf.put(
            object, .staged(operation), byteCount: 0, now: loop.now, isPinned: true)
        return object
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
