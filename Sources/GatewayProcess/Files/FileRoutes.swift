internal import IPC
internal import Model
internal import NIOCore
internal import Posix

/// `/api/files/<path>` and `/api/metadata/<path>`.
struct FileRoutes {
    static let allowed: StaticString = "GET, HEAD, PUT, POST, DELETE, OPTIONS"

    let exchange: Exchange
    let path: StorePath
    /// The request's path ends in a slash.
    let isDirectory: Bool
    let query: Query

    private var link: StoreLink { exchange.context.link }

    // MARK: Reading

    func get() throws(Problem) {
        if isDirectory {
            return try exchange.head.method == .head ? headDirectory() : list()
        }
        let wantsContent = exchange.head.method == .get
        let lookup = LookupRequest(
            path: path, wantsContent ? .content : .facts, version: try VersionName.of(query))
        link.call(.lookup(lookup)) { reply in
            FoundAnswer(exchange: exchange, path: path, isAttachment: query.isSet("download"))
                .send(reply) { _ in redirectToDirectory() }
        }
    }

    /// A directory's own name: the slash at the end makes relative links in a listing work.
    private func redirectToDirectory() {
        var location = RequestPath.url(of: path) + [0x2F]
        if let query = exchange.head.query { location += [0x3F] + query }
        exchange.respond(.permanentRedirect, type: "application/json", body: "{}".utf8) { head in
            head.field("Location", bytes: location)
            head.field("X-ClusterF-Is-Directory", "true")
        }
    }

    private func headDirectory() throws(Problem) {
        link.call(.lookup(LookupRequest(path: path, wantsContent: false))) { reply in
            guard case .found(.directory(let modified), _) = reply else {
                if case .found = reply {
                    return exchange.fail(
                        Problem(.notFound, "not_found", "There is no such directory."))
                }
                return exchange.fail(StoreFailure.problem(reply))
            }
            exchange.respondWithoutBody(.ok) { head in
                head.field("Content-Type", "application/json")
                head.field("X-ClusterF-Is-Directory", "true")
                head.field("X-ClusterF-Modified-At", bytes: RFC3339.format(modified))
                head.field("X-Content-Type-Options", "nosniff")
            }
        }
    }

    private func list() throws(Problem) {
        var limit = GatewayLimits.listingLimitDefault
        if let text = query["limit"] {
            guard let number = Token.number(text[...]), number > 0,
                number <= UInt64(GatewayLimits.listingLimitMax)
            else {
                throw Problem(
                    .badRequest, "bad_limit",
                    "limit is not a number from 1 to \(GatewayLimits.listingLimitMax).")
            }
            limit = Int(number)
        }
        let after = RequestPath.normalized(query["after"] ?? [])
        guard let after, after.count <= StorePath.componentByteCountMax else {
            throw Problem(.badRequest, "bad_after", "after is not the name of an entry.")
        }
        Listing(exchange, path, after: after, limit: limit).start()
    }

    // MARK: Writing

    func put() throws(Problem) {
        guard !isDirectory else {
            throw Problem(
                .badRequest, "directory_path", "The path ends in a slash, as a directory's does.",
                hint: "Leave the slash out to store a file, or POST with "
                    + "X-Create-Directory: true to make a directory.")
        }
        let description = try PutDescription(
            exchange.head, path: path, presentYear: exchange.context.presentYear)
        Upload(exchange, description).start()
    }

    func delete() throws(Problem) {
        guard !path.isRoot else {
            throw Problem(.conflict, "root", "The root cannot be deleted.")
        }
        let request = DeleteRequest(
            operation: exchange.context.makeOperationID(), path: path,
            conditions: try WriteConditions(
                exchange.head.fields, presentYear: exchange.context.presentYear),
            recursive: query.isSet("recursive"), directoryOnly: isDirectory)
        let seconds =
            request.recursive ? GatewayLimits.treeWaitSeconds : GatewayLimits.storeWaitSeconds
        link.call(.delete(request), seconds: seconds) { reply in
            guard case .written(let response) = reply else {
                return exchange.fail(StoreFailure.problem(reply))
            }
            WriteAnswer.deleted(response, to: exchange)
        }
    }

    func post() throws(Problem) {
        if let operation = query["op"] {
            return try transfer(String(decoding: operation, as: UTF8.self))
        }
        guard let field = exchange.head.fields[.createDirectory], Token.equal(field, "true") else {
            throw Problem(
                .badRequest, "bad_post", "This POST says nothing of what to do.",
                hint: "X-Create-Directory: true makes a directory; PUT stores a file.")
        }
        let request = MakeDirectoryRequest(
            operation: exchange.context.makeOperationID(), path: path)
        link.call(.makeDirectory(request)) { reply in
            guard case .written(let response) = reply else {
                return exchange.fail(StoreFailure.problem(reply))
            }
            WriteAnswer.makeDirectory(response, path, to: exchange)
        }
    }

    // MARK: Other names

    private func transfer(_ name: String) throws(Problem) {
        let kind: TransferRequest.Kind
        var target = path
        switch name {
        case "move", "copy":
            target = try destination()
            let overwrite = query["overwrite"].map { !$0.elementsEqual("0".utf8) } ?? true
            kind =
                name == "move"
                ? .move(to: target, overwrite: overwrite) : .copy(to: target, overwrite: overwrite)
        case "restore": kind = .restore(try VersionName.of(query))
        default:
            throw Problem(
                .badRequest, "bad_op", "There is no such op.",
                hint: "It is move, copy or restore.")
        }
        let request = TransferRequest(
            operation: exchange.context.makeOperationID(), path: path, kind: kind,
            directoryOnly: isDirectory && !path.isRoot)
        link.call(.transfer(request), seconds: GatewayLimits.transferWaitSeconds) { reply in
            guard case .written(let response) = reply else {
                return exchange.fail(StoreFailure.problem(reply))
            }
            WriteAnswer.transferred(response, to: target, exchange)
        }
    }

    private func destination() throws(Problem) -> StorePath {
        guard let text = query["to"] else {
            throw Problem(
                .badRequest, "no_destination", "to is missing: where the file is to go.",
                hint: "It is a path from the root on: &to=/photos/new-name.jpg")
        }
        guard var bytes = RequestPath.normalized(text) else {
            throw Problem(.badRequest, "bad_path", "to is not valid UTF-8.")
        }
        if bytes.count > 1, bytes.last == 0x2F { bytes.removeLast() }
        guard let path = try? StorePath(validating: bytes) else {
            throw Problem(
                .badRequest, "bad_path", "to is no path of a file.",
                hint: "It begins with a slash and has no names that are empty, . or .. .")
        }
        return path
    }

    // MARK: Metadata

    func metadata() {
        link.call(.lookup(LookupRequest(path: path, .holders))) { reply in
            guard case .found(let response, _) = reply else {
                return exchange.fail(StoreFailure.problem(reply))
            }
            var json = JSONWriter()
            switch response {
            case .heldFile(let facts, let holders):
                if isDirectory {
                    return exchange.fail(
                        Problem(.notFound, "not_found", "There is no such directory."))
                }
                FileMetadata.write(facts, path: path.bytes, holders: holders, to: &json)
            case .heldDirectory(let modified, let holders):
                FileMetadata.write(
                    directory: path.bytes, modified: modified, holders: holders, to: &json)
            case .file, .inline, .descriptor, .directory, .remote, .region, .windows:
                // The link takes no other answer.
                return exchange.fail(StoreFailure.problem(reply))
            }
            exchange.respond(.ok, type: "application/json", body: json.bytes) { head in
                head.field("Cache-Control", "no-cache")
            }
        }
    }
}
