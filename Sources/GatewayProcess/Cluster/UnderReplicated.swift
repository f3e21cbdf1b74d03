internal import IPC
internal import Model

/// `/api/under-replicated`: the partitions that this node has and of which there are too few copies,
/// page by page.
final class UnderReplicated {
    private let exchange: Exchange
    private let limit: Int
    private var after: Partition?
    private var found: [PartitionHealthResponse.Entry] = []

    private init(_ exchange: Exchange, after: Partition?, limit: Int) {
        self.exchange = exchange
        self.after = after
        self.limit = limit
    }

    static func answer(_ exchange: Exchange) throws(Problem) {
        var query = Query.none
        if let text = exchange.head.query {
            guard let parsed = Query(text[...]) else {
                throw Problem(.badRequest, "bad_escape", "The query has a broken percent escape.")
            }
            query = parsed
        }
        var limit = GatewayLimits.partitionLimitDefault
        if let text = query["limit"] {
            guard let number = Token.number(text[...]), number > 0,
                number <= UInt64(GatewayLimits.partitionLimitMax)
            else {
                throw Problem(
                    .badRequest, "bad_limit",
                    "limit is not a number from 1 to \(GatewayLimits.partitionLimitMax).")
            }
            limit = Int(number)
        }
        var after: Partition?
        if let text = query["after"] {
            guard let partition = Partition(apiName: text) else {
                throw Problem(
                    .badRequest, "bad_after", "after is not the id of a partition.",
                    hint: "It looks like p00042.")
            }
            after = partition
        }
        UnderReplicated(exchange, after: after, limit: limit).ask()
    }

    /// A page of the store holds fewer than may be asked for here.
    private func ask() {
        let request = PartitionHealthRequest(
            after: after, limit: UInt32(limit - found.count), onlyUnderReplicated: true)
        exchange.context.link.call(.partitionHealth(request)) { [self] reply in
            guard !exchange.isGone else { return }
            guard case .health(let page) = reply else {
                return exchange.fail(StoreFailure.problem(reply))
            }
            found += page.entries.prefix(limit - found.count)
            after = found.last?.partition ?? after
            // A page without entries that promises more would have no end.
            if page.hasMore, !page.entries.isEmpty, found.count < limit { return ask() }
            exchange.respond(
                json: UnderReplicated.json(
                    found, factor: page.replicationFactor,
                    hasMore: page.hasMore && !page.entries.isEmpty))
        }
    }

    private static func json(
        _ found: [PartitionHealthResponse.Entry], factor: UInt8, hasMore: Bool
    ) -> [UInt8] {
        var json = JSONWriter(capacity: 256 + 128 * found.count)
        json.object { json in
            json.member("replication_factor", factor)
            json.member("partitions") { json in
                json.array(found) { json, entry in
                    json.object { json in
                        json.member("partition_id", entry.partition.apiName)
                        json.member("holders") { json in
                            json.array(entry.holders) { $0.value($1.name) }
                        }
                        json.member("replication_factor", factor)
                        json.member("missing_replicas", entry.missingCount)
                        json.member("file_count", entry.itemCount)
                    }
                }
            }
            json.member("count", found.count)
            json.member("next") { json in
                if hasMore, let last = found.last {
                    json.value(last.partition.apiName)
                } else {
                    json.null()
                }
            }
        }
        return json.bytes
    }
}

extension Partition {
    /// As the API names it: `p00042`.
    var apiName: String {
        let digits = String(number)
        return "p" + String(repeating: "0", count: 5 - digits.utf8.count) + digits
    }

    /// The partition that is named so.
    init?(apiName: [UInt8]) {
        guard apiName.count == 6, apiName.first == 0x70,
            let number = Token.number(apiName[1...]).flatMap({ UInt16(exactly: $0) })
        else { return nil }
        self.init(number: number)
    }
}
