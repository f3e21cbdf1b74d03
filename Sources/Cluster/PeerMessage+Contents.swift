package import Model
package import Replication

extension PeerMessage {
    /// The contents that the receiver should have first.
    package var namedContents: NamedContents {
        var contents = NamedContents()
        switch self {
        case .membership, .gossip, .watch, .changed: break
        case .tell(let request): request.name(&contents)
        case .request(let request):
            switch request.body {
            case .replica(let body): body.name(&contents)
            case .forward(let body, _, _): body.name(&contents)
            case .isWanted, .establish, .partitionsHeldBy, .epoch, .reconcile: break
            }
        case .reply(let reply):
            if case .replica(let body) = reply.body { body.name(&contents) }
        }
        return contents
    }

    /// Where those are stored who have the contents; nil where the message names none.
    package var partition: Partition? {
        switch self {
        case .membership, .gossip, .watch, .changed: nil
        case .tell(let request): request.partition
        case .request(let request):
            switch request.body {
            case .replica(let body): body.partition
            case .forward(let body, _, _): body.coordinatedKey?.partition
            case .isWanted, .establish, .partitionsHeldBy, .epoch, .reconcile: nil
            }
        case .reply(let reply):
            if case .replica(.fetched(let registers, _, _, _)) = reply.body {
                registers.first?.key.partition
            } else {
                nil
            }
        }
    }
}

extension ClientRequest {
    /// A coordinator that stores the file, too, does so by its own disk first.
    func name(_ contents: inout NamedContents) {
        switch self {
        case .put(_, let content, _, _): contents.require(content.named)
        case .place(_, let facts, _, _, _): contents.require(facts.content)
        case .describe(_, let value, _, _): contents.require(value.facts?.content)
        case .guarded(let request, _, _), .showing(let request, _): request.name(&contents)
        case .delete, .get, .copy, .history, .restore, .purge, .makeDirectory, .removeDirectory,
            .list, .mark,
            .move, .lock, .refreshLock,
            .unlock, .locks, .lockSet, .clearTraces, .changeLocks, .setSetting,
            .setReplicationFactor, .leave,
            .cancelLeave, .takeOut, .joinCluster:
            break
        }
    }
}
