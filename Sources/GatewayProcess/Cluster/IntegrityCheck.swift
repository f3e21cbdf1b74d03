internal import IPC
internal import Model
internal import NIOCore

/// `/api/integrity-check`: all contents of this node's disk, or of all nodes' disks, are read and compared
/// with what was stored.
enum IntegrityCheck {
    /// What a check is known by: `1732654321000`, and with `-cluster` behind it where it is one of all nodes.
    struct ID: Equatable {
        var number: UInt64
        var isOfCluster: Bool

        init(number: UInt64, isOfCluster: Bool) {
            self.number = number
            self.isOfCluster = isOfCluster
        }

        init?(_ text: ArraySlice<UInt8>) {
            var digits = text
            isOfCluster = text.suffix(ID.suffix.count).elementsEqual(ID.suffix)
            if isOfCluster { digits = digits.dropLast(ID.suffix.count) }
            guard (1...19).contains(digits.count),
                digits.allSatisfy({ (0x30...0x39).contains($0) }),
                let number = UInt64(String(decoding: digits, as: UTF8.self))
            else { return nil }
            self.number = number
        }

        private static let suffix = Array("-cluster".utf8)

        var text: String { isOfCluster ? "\(number)-cluster" : "\(number)" }
    }

    private static let prefix = Array("/api/integrity-check/".utf8)

    /// The id of `/api/integrity-check/<id>`; nil for other paths.
    static func id(of path: [UInt8]) -> ID? {
        guard path.starts(with: prefix) else { return nil }
        return ID(path.dropFirst(prefix.count))
    }

    /// Begins a check, or joins the one that is under way; with `?wait=1` it is answered when it is over.
    static func begin(_ exchange: Exchange) throws(Problem) {
        let query = try Query.of(exchange)
        let isOfCluster = try scope(query)
        let waits = query.isSet("wait")
        try JSONBody.read(exchange, known: [], mayBeEmpty: true) { _ throws(Problem) in
            ask(.begin, isOfCluster, exchange) { response in
                guard let own = response.nodes.first, let summary = own.summary else {
                    return exchange.fail(none)
                }
                let id = ID(number: summary.id, isOfCluster: isOfCluster)
                guard !waits || isDone(response) else { return tellAtEnd(id, exchange) }
                exchange.respond(waits ? .ok : .accepted, json: json(id, response))
            }
        }
    }

    /// The check that was asked for last.
    static func tellLast(_ exchange: Exchange) throws(Problem) {
        let query = try Query.of(exchange)
        let isOfCluster = try scope(query)
        ask(.tell, isOfCluster, exchange) { response in
            guard let summary = response.nodes.first?.summary else { return exchange.fail(none) }
            answer(ID(number: summary.id, isOfCluster: isOfCluster), response, exchange)
        }
    }

    /// How that check goes; with `?wait=1` when it is over.
    static func tell(_ id: ID, _ exchange: Exchange) throws(Problem) {
        if try Query.of(exchange).isSet("wait") { return tellAtEnd(id, exchange) }
        ask(.tell, id.isOfCluster, exchange) { answer(id, $0, exchange) }
    }

    private static func tellAtEnd(_ id: ID, _ exchange: Exchange) {
        ask(.untilDone, id.isOfCluster, exchange) { response in
            // The store answers some time before the end, too.
            guard response.nodes.first?.summary?.id != id.number || isDone(response) else {
                guard !exchange.isGone else { return }
                let loop = exchange.context.eventLoop.assumeIsolated()
                loop.scheduleTask(in: .milliseconds(GatewayLimits.integrityPollMilliseconds)) {
                    tellAtEnd(id, exchange)
                }
                return
            }
            answer(id, response, exchange)
        }
    }

    private static func ask(
        _ order: IntegrityRequest.Order, _ isOfCluster: Bool, _ exchange: Exchange,
        _ done: @escaping (IntegrityResponse) -> Void
    ) {
        let request = IntegrityRequest(order, isOfCluster: isOfCluster)
        exchange.context.link.call(.integrity(request)) { reply in
            guard case .integrity(let response) = reply else {
                return exchange.fail(StoreFailure.problem(reply))
            }
            done(response)
        }
    }

    private static func answer(_ id: ID, _ response: IntegrityResponse, _ exchange: Exchange) {
        guard response.nodes.first?.summary?.id == id.number else { return exchange.fail(none) }
        exchange.respond(json: json(id, response))
    }

    private static let none = Problem(
        .notFound, "no_such_check",
        "No such check is known: none was asked for, or another followed.",
        hint: "POST /api/integrity-check begins one.")

    /// - Throws: 400 where it is neither.
    private static func scope(_ query: Query) throws(Problem) -> Bool {
        guard let scope = query["scope"] else { return false }
        if scope.elementsEqual("cluster".utf8) { return true }
        guard scope.elementsEqual("node".utf8) else {
            throw Problem(.badRequest, "bad_scope", "scope is node or cluster.")
        }
        return false
    }

    /// Those that do not answer are not waited for.
    private static func isDone(_ response: IntegrityResponse) -> Bool {
        response.nodes.allSatisfy { $0.summary?.isDone ?? true }
    }

    // MARK: JSON

    private static func json(_ id: ID, _ response: IntegrityResponse) -> [UInt8] {
        let summaries = response.nodes.compactMap(\.summary)
        var json = JSONWriter(capacity: 1024)
        json.object { json in
            json.member("id", id.text)
            json.member("scope", id.isOfCluster ? "cluster" : "node")
            json.member("status", isDone(response) ? "completed" : "running")
            write(summaries, to: &json)
            guard id.isOfCluster else { return }
            json.member("nodes") { json in
                json.array(response.nodes) { json, node in
                    json.object { json in
                        json.member("node_id", node.node.name)
                        let status =
                            node.summary.map { $0.isDone ? "completed" : "running" }
                            ?? "unreachable"
                        json.member("status", status)
                        if let summary = node.summary { write([summary], to: &json) }
                    }
                }
            }
        }
        return json.bytes
    }

    /// Of several nodes, all together.
    private static func write(_ summaries: [ScrubSummary], to json: inout JSONWriter) {
        func sum(_ count: KeyPath<ScrubSummary, UInt64>) -> UInt64 {
            summaries.reduce(0) { $0 &+ $1[keyPath: count] }
        }
        json.member("started_at") { write(time: summaries.map(\.id).min(), to: &$0) }
        let ends = summaries.compactMap(\.finished)
        json.member("finished_at") {
            write(time: ends.count == summaries.count ? ends.max() : nil, to: &$0)
        }
        json.member("total_files", sum(\.fileCount))
        json.member("verified", sum(\.verifiedCount))
        json.member("corrupted", sum(\.damageCount))
        json.member("repaired", sum(\.repairedCount))
        json.member("quarantined", sum(\.quarantinedCount))
        json.member("unreadable", sum(\.unreadCount))
        json.member("kept_verified", sum(\.keptCount))
        json.member("bytes_verified", sum(\.byteCount))
        json.member("strays", sum(\.strayCount))
        json.member("views_removed", sum(\.removedViewCount))
        json.member("views_replaced", sum(\.replacedViewCount))
        json.member("corrupted_files") { json in
            json.array(unique(summaries.flatMap { $0.damage.map(\.path) })) { json, path in
                json.value(utf8: path.bytes)
            }
        }
        json.member("corrupted_details") { json in
            json.array(summaries.flatMap(\.damage)) { json, damage in
                json.object { json in
                    json.member("path") { $0.value(utf8: damage.path.bytes) }
                    json.member("reason", damage.reason)
                    json.member("repaired", damage.isRepaired)
                }
            }
        }
        json.member("stray_names") { json in
            json.array(summaries.flatMap(\.strays)) { $0.value($1) }
        }
        json.member("replaced_views") { json in
            json.array(unique(summaries.flatMap(\.replacedViews))) { $0.value(utf8: $1.bytes) }
        }
    }

    private static func unique(_ paths: [StorePath]) -> [StorePath] {
        var seen: Set<StorePath> = []
        return paths.filter { seen.insert($0).inserted }
    }

    private static func write(time milliseconds: UInt64?, to json: inout JSONWriter) {
        guard let milliseconds, milliseconds < UInt64(Int64.max / 1_000_000) else {
            return json.null()
        }
        let time = Timestamp(nanoseconds: Int64(milliseconds) * 1_000_000)
        json.value(utf8: RFC3339.format(time))
    }
}
