internal import IPC
internal import Model
internal import NIOCore

/// The answer to GET of a directory: `{path, entries, count, next}`, asked of the store page by
/// page while the client takes it, so that a long listing needs one page of memory.
final class Listing: BodySource {
    private let exchange: Exchange
    private let path: StorePath
    private let after: [UInt8]
    private let limit: Int

    private var page: ListResponse?
    private var isAsking = false
    private var hasBegun = false
    private var hasEnded = false
    private var hasFailed = false
    private var count = 0
    private var lastName: [UInt8] = []

    init(_ exchange: Exchange, _ path: StorePath, after: [UInt8], limit: Int) {
        self.exchange = exchange
        self.path = path
        self.after = after
        self.limit = limit
        lastName = after
    }

    /// Asks for the first page, which decides the status.
    func start() {
        ask { [self] reply in
            guard case .listed(let page) = reply else {
                return exchange.fail(Listing.problem(reply))
            }
            self.page = page
            exchange.stream(.ok, byteCount: nil, from: self) { head in
                head.field("Content-Type", "application/json")
                head.field("X-ClusterF-Is-Directory", "true")
                head.field("X-Content-Type-Options", "nosniff")
                head.field("Cache-Control", "no-cache")
            }
        }
    }

    /// What is no directory is not there, for a request that names a directory.
    static func problem(_ reply: StoreReply) -> Problem {
        if case .failed(let error) = reply, error.code == .notDirectory {
            return Problem(.notFound, "not_found", "There is no such directory.")
        }
        return StoreFailure.problem(reply)
    }

    private func ask(_ completion: @escaping (StoreReply) -> Void) {
        isAsking = true
        let left = UInt32(min(limit - count, IPCLimits.listingPageCountMax))
        let request = ListRequest(path: path, after: lastName, limit: left, wantsHolders: true)
        exchange.context.link.call(.list(request)) { [self] reply in
            isAsking = false
            completion(reply)
        }
    }

    func next() -> BodyPart {
        if hasFailed { return .failed }
        if hasEnded { return .end }
        if isAsking { return .wait }
        guard let page else {
            ask { [self] reply in
                if case .listed(let page) = reply { self.page = page } else { hasFailed = true }
                exchange.resumeSource()
            }
            // Refused at once, the answer came while the caller was at work and did not listen.
            return isAsking ? .wait : next()
        }
        self.page = nil
        return .bytes(ByteBuffer(bytes: text(of: page)))
    }

    private func text(of page: ListResponse) -> [UInt8] {
        var out: [UInt8] = []
        if !hasBegun {
            hasBegun = true
            out += "{\"path\":".utf8
            var json = JSONWriter()
            json.value(utf8: path.bytes)
            out += json.bytes
            out += ",\"entries\":[".utf8
        }
        let prefix = path.directoryPrefix
        for (index, entry) in page.entries.prefix(limit - count).enumerated() {
            let holders = page.holders?[index] ?? []
            if count > 0 { out.append(0x2C) }
            var json = JSONWriter(appendingTo: out)
            let whole = prefix + entry.name
            switch entry {
            case .file(_, let facts):
                FileMetadata.write(facts, path: whole, holders: holders, to: &json)
            case .directory(_, let modified):
                FileMetadata.write(
                    directory: whole, modified: modified, holders: holders, to: &json)
            }
            out = json.bytes
            count += 1
            lastName = entry.name
        }
        // A page without entries that promises more would have no end.
        if !page.hasMore || page.entries.isEmpty || count >= limit {
            hasEnded = true
            out += end(hasMore: page.hasMore && count > 0)
        }
        return out
    }

    private func end(hasMore: Bool) -> [UInt8] {
        var json = JSONWriter()
        if hasMore { json.value(utf8: lastName) } else { json.null() }
        return [UInt8]("],\"count\":\(count),\"next\":".utf8) + json.bytes + [0x7D]
    }

    func closed() {}
}
