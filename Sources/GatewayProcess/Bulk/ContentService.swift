internal import Model
internal import NIOCore
internal import Peering

/// Large contents on their way between nodes, in both directions; on the peers' loop.
final class ContentService {
    let fetches: ContentFetches
    private let loop: any EventLoop
    private let link: StoreLink
    private let background: any BackgroundWork
    private let dialer: BulkDialer
    private let ended: (ConnectionID) -> Void
    private var servers: [ConnectionID: BulkServer] = [:]

    init(
        loop: any EventLoop, link: StoreLink, background: any BackgroundWork,
        fetches: ContentFetches, dialer: BulkDialer, ended: @escaping (ConnectionID) -> Void
    ) {
        self.loop = loop
        self.link = link
        self.background = background
        self.fetches = fetches
        self.dialer = dialer
        self.ended = ended
    }

    /// The handler of a connection over which a node fetches here.
    func server(_ id: ConnectionID, _ node: NodeID) -> BulkServer {
        let server = BulkServer(
            id: id, node: node, loop: loop, link: link, background: background
        ) { [weak self] id in
            self?.servers[id] = nil
            self?.ended(id)
        }
        servers[id] = server
        return server
    }

    /// Who fetches goes on from where it was, at the next gateway.
    func end() {
        fetches.stopAll()
        dialer.close()
        for server in servers.values { server.close() }
        link.stop()
    }
}
