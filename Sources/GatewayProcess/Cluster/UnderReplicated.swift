internal import IPC
internal import Model

/// `/api/under-replicated`: the partitions that this node has and of which there are too few copies,
/// page by page.
final class UnderReplicated {
    private let exchange: Exchange
    private let limit: Int
    private var after: Partition?
    private var found: [PartitionHealthResponse.Entry] = []
    private var factor: UInt8 = 0
    private var hasMore = false
    /// Of the first of those found; the rest is asked for or could not be had.
    private var files: [PartitionFilesResponse.Entry] = []

    private init(_ exchange: Exchange, after: Partition?, limit: Int) {
        self.exchange = exchange
        self.after = after
        self.limit = limit
    }

    static func answer(_ exchange: Exchange) throws(Problem) {
        let query = try Query.of(exchange)
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
            factor = page.replicationFactor
            hasMore = page.hasMore && !page.entries.isEmpty
            askFiles()
        }
    }

    /// The files in what was found, some partitions at a time.
    private func askFiles() {
        let rest = found[files.count...].prefix(IPCLimits.partitionFilesMax).map(\.partition)
        guard !rest.isEmpty else { return exchange.respond(json: json(without: nil)) }
        exchange.context.link.call(.partitionFiles(.init(partitions: rest))) { [self] reply in
            guard !exchange.isGone else { return }
            guard case .files(let page) = reply else {
                // What was found counts more than the names that could not be had.
                return exchange.respond(json: json(without: StoreFailure.problem(reply).message))
            }
            files += page.entries
            askFiles()
        }
    }

    /// - Parameter problem: why the files of the last ones are not known.
    private func json(without problem: String?) -> [UInt8] {
        var json = JSONWriter(capacity: 256 + 512 * found.count)
        json.object { json in
            json.member("replication_factor", factor)
            json.member("partitions") { json in
                json.array(found.enumerated()) { json, item in
                    let known = item.offset < files.count ? files[item.offset] : nil
                    write(item.element, known, without: problem ?? "", to: &json)
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

    private func write(
        _ entry: PartitionHealthResponse.Entry, _ known: PartitionFilesResponse.Entry?,
        without problem: String, to json: inout JSONWriter
    ) {
        json.object { json in
            json.member("partition_id", entry.partition.apiName)
            json.member("holders") { UnderReplicated.write(entry.holders, to: &$0) }
            json.member("replication_factor", factor)
            json.member("missing_replicas", entry.missingCount)
            json.member("file_count") { json in
                if let known { json.value(known.fileCount) } else { json.null() }
            }
            json.member("files") { json in
                json.array(known?.files ?? []) { UnderReplicated.write($1, in: entry, to: &$0) }
            }
            json.member("files_truncated", known.map { $0.files.count < $0.fileCount } ?? false)
            json.member("files_unavailable", known == nil)
            if known == nil { json.member("unavailable_message", problem) }
        }
    }

    private static func write(
        _ file: PartitionFilesResponse.File, in entry: PartitionHealthResponse.Entry,
        to json: inout JSONWriter
    ) {
        json.object { json in
            json.member("partition_id", entry.partition.apiName)
            json.member("path") { $0.value(utf8: file.path.bytes) }
            json.member("size", file.byteCount)
            json.member("modified_at") { $0.value(utf8: RFC3339.format(file.modified)) }
            json.member("holders") { write(entry.holders, to: &$0) }
            json.member("missing_replicas", entry.missingCount)
        }
    }

    private static func write(_ nodes: [NodeID], to json: inout JSONWriter) {
        json.array(nodes) { $0.value($1.name) }
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
