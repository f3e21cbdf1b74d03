internal import IPC
internal import Model

/// `/api/versions/<path>` and `/api/trash`: what was overwritten and deleted, for as long as it is kept.
struct HistoryRoutes {
    static let allowed: StaticString = "GET, HEAD, DELETE, OPTIONS"

    let exchange: Exchange
    let path: StorePath
    let query: Query

    private var link: StoreLink { exchange.context.link }

    // MARK: Versions

    func versions() {
        link.call(.history(HistoryRequest(path: path))) { [self] reply in
            guard case .history(let history) = reply else {
                return exchange.fail(StoreFailure.problem(reply))
            }
            var json = JSONWriter()
            json.object { json in
                json.key("path")
                json.value(utf8: path.bytes)
                json.key("versions")
                json.array { json in
                    for entry in history.entries {
                        FileMetadata.write(entry, path: path.bytes, to: &json)
                    }
                }
                json.member("count", history.entries.count)
            }
            exchange.respond(json: json.bytes)
        }
    }

    func dropVersions() throws(Problem) {
        let dots = try VersionName.of(query).map { [$0] } ?? []
        purge(.versions(path, dots))
    }

    private func purge(_ request: PurgeRequest) {
        link.call(.purge(request), seconds: GatewayLimits.treeWaitSeconds) { [exchange] reply in
            guard case .done = reply else { return exchange.fail(StoreFailure.problem(reply)) }
            exchange.respondWithoutBody(.noContent) { _ in }
        }
    }

    // MARK: Trash

    func trash() throws(Problem) {
        var limit = GatewayLimits.trashLimitDefault
        if let text = query["limit"] {
            guard let number = Token.number(text[...]), number > 0,
                number <= UInt64(IPCLimits.listingPageCountMax)
            else {
                throw Problem(
                    .badRequest, "bad_limit",
                    "limit is not a number from 1 to \(IPCLimits.listingPageCountMax).")
            }
            limit = Int(number)
        }
        var after: StorePath?
        if let text = query["after"], !text.isEmpty {
            guard let bytes = RequestPath.normalized(text),
                let path = try? StorePath(validating: bytes)
            else {
                throw Problem(
                    .badRequest, "bad_after", "after is not a path.",
                    hint: "next of the page before is what to give here.")
            }
            after = path
        }
        let request = TrashRequest(directory: path, after: after, limit: UInt32(limit))
        link.call(.trash(request)) { [exchange] reply in
            guard case .trash(let page) = reply else {
                return exchange.fail(StoreFailure.problem(reply))
            }
            exchange.respond(json: HistoryRoutes.json(page))
        }
    }

    private static func json(_ page: TrashResponse) -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.key("entries")
            json.array { json in
                for entry in page.entries {
                    FileMetadata.write(
                        entry.version, path: entry.path.bytes, isDeleted: true, to: &json)
                }
            }
            json.member("count", page.entries.count)
            json.key("next")
            if page.hasMore, let last = page.entries.last {
                json.value(utf8: last.path.bytes)
            } else {
                json.null()
            }
            json.member("complete", page.isComplete)
        }
        return json.bytes
    }

    /// All of it, or what is at a path and below it.
    func dropTrash() { purge(path.isRoot ? .trash : .trashed(path)) }
}

extension FileMetadata {
    /// A version that is kept, or the newest of a path.
    static func write(
        _ entry: HistoryEntry, path: [UInt8], isDeleted: Bool = false, to json: inout JSONWriter
    ) {
        json.object { json in
            writeMembers(entry.facts, path: path, to: &json)
            json.member("current", entry.supersededAt == nil)
            if let time = entry.supersededAt {
                json.key(isDeleted ? "deleted_at" : "superseded_at")
                json.value(utf8: RFC3339.format(time.timestamp))
            }
            if isDeleted { json.member("deleted", true) }
            if entry.isConflict { json.member("conflict", true) }
        }
    }
}

extension HybridTime {
    fileprivate var timestamp: Timestamp {
        Timestamp(nanoseconds: Int64(clamping: wallMilliseconds) * 1_000_000)
    }
}
