internal import Model
internal import WebDAV

/// Finds what answers a request. A test of the connection gives its own.
protocol Routing: AnyObject {
    func route(_ exchange: Exchange)
}

/// The routes of this version.
final class Router: Routing {
    private static let programs = [UInt8]("/api".utf8)
    private static let files = [UInt8]("/api/files".utf8)
    private static let metadata = [UInt8]("/api/metadata".utf8)
    private static let versions = [UInt8]("/api/versions".utf8)
    private static let trash = [UInt8]("/api/trash".utf8)

    func route(_ exchange: Exchange) {
        do throws(Problem) {
            try answer(exchange)
        } catch {
            exchange.fail(error)
        }
    }

    private func answer(_ exchange: Exchange) throws(Problem) {
        let path = exchange.head.path
        if exchange.head.method.isOfWebDAV || Router.rest(of: path, after: ServedTree.prefix) != nil
        {
            return try DAVRoutes.answer(exchange)
        }
        if let rest = Router.rest(of: path, after: Router.files) {
            return try files(exchange, rest)
        }
        if let rest = Router.rest(of: path, after: Router.metadata) {
            guard Router.allow("GET, HEAD, OPTIONS", exchange, [.get, .head]) else { return }
            return try fileRoutes(exchange, rest).metadata()
        }
        if let rest = Router.rest(of: path, after: Router.versions) {
            return try versions(exchange, rest)
        }
        if let rest = Router.rest(of: path, after: Router.trash) {
            return try trash(exchange, rest)
        }
        if let route = ClusterRoutes.route(path) { return try route.answer(exchange) }
        if path.elementsEqual("*".utf8) { return DAVRoutes.options(exchange, DAVRoutes.allowed) }
        if let page = Router.page(path) {
            // Clients ask the root what the server knows, and mean what is below it.
            if exchange.head.method == .options {
                return DAVRoutes.options(exchange, DAVRoutes.allowedOnPages)
            }
            guard Router.allow(DAVRoutes.allowedOnPages, exchange, [.get, .head]) else { return }
            return page(exchange)
        }
        // Whoever mistypes a route is to hear it, and not to find or make a file.
        guard Router.rest(of: path, after: Router.programs) == nil else {
            throw Problem(
                .notFound, "no_route", "There is nothing at this address.",
                hint: "Files are below /api/files/.")
        }
        try DAVRoutes.answer(exchange)
    }

    private static func page(_ path: [UInt8]) -> ((Exchange) -> Void)? {
        switch String(decoding: path, as: UTF8.self) {
        case "/": HomePage.answer
        case "/status": StatusPage.answer
        case "/healthz": StatusPage.answerHealth
        case "/readyz": StatusPage.answerReadiness
        default: nil
        }
    }

    /// What follows a route's prefix: empty, or from a slash on.
    private static func rest(of path: [UInt8], after prefix: [UInt8]) -> ArraySlice<UInt8>? {
        guard path.starts(with: prefix) else { return nil }
        let rest = path[prefix.count...]
        return rest.isEmpty || rest.first == 0x2F ? rest : nil
    }

    private func fileRoutes(
        _ exchange: Exchange, _ rest: ArraySlice<UInt8>
    ) throws(Problem) -> FileRoutes {
        let target = try RequestPath(decoding: rest)
        let query = try Query.of(exchange)
        return FileRoutes(
            exchange: exchange, path: target.path, isDirectory: target.isDirectory, query: query)
    }

    private func files(_ exchange: Exchange, _ rest: ArraySlice<UInt8>) throws(Problem) {
        if !exchange.head.method.isSafe { try RequestOrigin.checkIsSame(exchange.head.fields) }
        switch exchange.head.method {
        case .get, .head: try fileRoutes(exchange, rest).get()
        case .put: try fileRoutes(exchange, rest).put()
        case .delete: try fileRoutes(exchange, rest).delete()
        case .post: try fileRoutes(exchange, rest).post()
        case .options: Router.options(FileRoutes.allowed, exchange)
        case .patch, .webDAV, .other: Router.refuseMethod(FileRoutes.allowed, exchange)
        }
    }

    private func historyRoutes(
        _ exchange: Exchange, _ rest: ArraySlice<UInt8>
    ) throws(Problem) -> HistoryRoutes {
        if !exchange.head.method.isSafe { try RequestOrigin.checkIsSame(exchange.head.fields) }
        return HistoryRoutes(
            exchange: exchange, path: try RequestPath(decoding: rest).path,
            query: try Query.of(exchange))
    }

    private func versions(_ exchange: Exchange, _ rest: ArraySlice<UInt8>) throws(Problem) {
        switch exchange.head.method {
        case .get, .head: try historyRoutes(exchange, rest).versions()
        case .delete: try historyRoutes(exchange, rest).dropVersions()
        case .options: Router.options(HistoryRoutes.allowed, exchange)
        case .put, .post, .patch, .webDAV, .other:
            Router.refuseMethod(HistoryRoutes.allowed, exchange)
        }
    }

    private func trash(_ exchange: Exchange, _ rest: ArraySlice<UInt8>) throws(Problem) {
        switch exchange.head.method {
        case .get, .head: try historyRoutes(exchange, rest).trash()
        case .delete: try historyRoutes(exchange, rest).dropTrash()
        case .options: Router.options(HistoryRoutes.allowed, exchange)
        case .put, .post, .patch, .webDAV, .other:
            Router.refuseMethod(HistoryRoutes.allowed, exchange)
        }
    }

    /// Whether the method is one of these; otherwise it has been answered.
    private static func allow(
        _ text: StaticString, _ exchange: Exchange, _ methods: [Method]
    ) -> Bool {
        if methods.contains(exchange.head.method) { return true }
        if exchange.head.method == .options {
            options(text, exchange)
        } else {
            refuseMethod(text, exchange)
        }
        return false
    }

    static func options(_ allowed: StaticString, _ exchange: Exchange) {
        exchange.respondWithoutBody(.noContent) { head in head.field("Allow", allowed) }
    }

    static func refuseMethod(_ allowed: StaticString, _ exchange: Exchange) {
        let problem = Problem(
            .methodNotAllowed, "method_not_allowed", "This address does not know the method.",
            hint: "It knows \(allowed).")
        let isForPrograms = exchange.head.path.starts(with: "/api/".utf8)
        let body = isForPrograms ? ErrorAnswer.json(problem) : ErrorAnswer.text(problem)
        exchange.respond(.methodNotAllowed, body: body) { head in
            ErrorAnswer.fields(problem, isForPrograms: isForPrograms, to: &head)
            head.field("Allow", allowed)
        }
    }
}
