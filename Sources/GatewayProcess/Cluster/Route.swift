internal import IPC

/// What an address does at each method: GET reads, one other method changes something of the whole
/// cluster.
struct Route {
    typealias Action = (Exchange) throws(Problem) -> Void

    /// For the field Allow.
    let allowed: StaticString
    var get: Action?
    var change: (method: Method, action: Action)?

    func answer(_ exchange: Exchange) throws(Problem) {
        let method = exchange.head.method
        switch method {
        case .options: return Router.options(allowed, exchange)
        case .get, .head:
            guard let get else { break }
            return try get(exchange)
        case .put, .post, .patch, .delete, .webDAV, .other:
            guard let change, change.method == method else { break }
            try RequestOrigin.checkMayAdminister(exchange)
            return try change.action(exchange)
        }
        Router.refuseMethod(allowed, exchange)
    }
}

/// The addresses that speak of the cluster as a whole.
enum ClusterRoutes {
    static func route(_ path: [UInt8]) -> Route? {
        guard path.starts(with: "/api/".utf8) else { return nil }
        switch String(decoding: path, as: UTF8.self) {
        case "/api/cluster-stats": return reading(ClusterPage.answer)
        case "/api/partition-stats": return reading(StatusPage.answerPartitions)
        case "/api/under-replicated": return reading(UnderReplicated.answer)
        case "/api/replication-factor":
            return putting(ReplicationFactor.get, ReplicationFactor.put)
        case "/api/partition-sync-interval":
            return putting(PartitionSync.getInterval, PartitionSync.putInterval)
        case "/api/partition-sync-pause":
            return putting(PartitionSync.getPause, PartitionSync.putPause)
        case "/api/settings":
            return Route(
                allowed: "GET, HEAD, PATCH, OPTIONS", get: ClusterSettings.get,
                change: (.patch, ClusterSettings.patch))
        case "/api/quotas": return reading(Quotas.get)
        case "/api/crdt/list": return reading(Inspector.list)
        case "/api/crdt/get": return reading(Inspector.get)
        case "/api/crdt/search": return reading(Inspector.search)
        case "/api/events":
            return reading { (exchange) throws(Problem) in
                try exchange.context.events.watch(exchange)
            }
        case "/api/doctor": return reading(DoctorPage.answer)
        case "/api/repair":
            return Route(
                allowed: "GET, HEAD, POST, OPTIONS", get: Repair.tell, change: (.post, Repair.begin)
            )
        case "/api/integrity-check":
            return Route(
                allowed: "GET, HEAD, POST, OPTIONS", get: IntegrityCheck.tellLast,
                change: (.post, IntegrityCheck.begin))
        case "/api/cluster-restart": return posting(Restarts.restartCluster)
        case "/api/cluster/leave": return posting(ClusterOrders.leave)
        case "/api/cluster/cancel-leave": return posting(ClusterOrders.cancelLeave)
        case "/api/cluster/out": return posting(ClusterOrders.out)
        case "/api/cluster/join": return posting(ClusterOrders.join)
        default:
            if let id = IntegrityCheck.id(of: path) {
                return reading { (exchange) throws(Problem) in
                    try IntegrityCheck.tell(id, exchange)
                }
            }
            guard let worker = Restarts.worker(of: path) else { return nil }
            return posting { (exchange) throws(Problem) in
                try Restarts.restart(worker, exchange)
            }
        }
    }

    private static func reading(_ get: @escaping Route.Action) -> Route {
        Route(allowed: "GET, HEAD, OPTIONS", get: get)
    }

    private static func putting(
        _ get: @escaping Route.Action, _ put: @escaping Route.Action
    ) -> Route {
        Route(allowed: "GET, HEAD, PUT, OPTIONS", get: get, change: (.put, put))
    }

    private static func posting(_ post: @escaping Route.Action) -> Route {
        Route(allowed: "POST, OPTIONS", change: (.post, post))
    }
}

extension Exchange {
    /// Answers with JSON that no cache may keep.
    func respond(_ status: Status = .ok, json: [UInt8]) {
        respond(status, type: "application/json", body: json) { head in
            head.field("Cache-Control", "no-store")
        }
    }

    /// Asks the store for a change; `done` follows where it was made, else the problem is answered.
    func administer(_ request: AdministerRequest, done: @escaping () -> Void) {
        context.link.call(.administer(request)) { [self] reply in
            guard case .done = reply else { return fail(StoreFailure.problem(reply)) }
            done()
        }
    }
}
