internal import IPC
internal import Model
internal import WebDAV

/// WebDAV over the directory that the node serves so: below `/dav/`, and at the root where no other
/// route is in the way (RFC 4918).
enum DAVRoutes {
    static let allowed: StaticString =
        "OPTIONS, GET, HEAD, PUT, PATCH, DELETE, PROPFIND, PROPPATCH, MKCOL, COPY, MOVE, LOCK, UNLOCK"
    /// Where GET is a page of the node.
    static let allowedOnPages: StaticString =
        "OPTIONS, GET, HEAD, PROPFIND, PROPPATCH, MKCOL, COPY, MOVE, LOCK, UNLOCK"
    static let xml: StaticString = "application/xml; charset=utf-8"

    static func answer(_ exchange: Exchange) throws(Problem) {
        let head = exchange.head
        switch head.method {
        // Before anybody is asked who they are: clients look at it first.
        case .options: return options(exchange, allowed)
        case .post, .other: return Router.refuseMethod(allowed, exchange)
        case .get, .head, .put, .patch, .delete, .webDAV: break
        }
        if !head.method.isSafe { try RequestOrigin.checkIsSame(head.fields) }
        let context = exchange.context
        let request = try DAVRequest(
            head, base: context.settings.webdav, presentYear: context.presentYear)
        switch request.action {
        case .get: DAVPrecondition.check(request, exchange) { get(request, exchange) }
        case .propfind(let depth):
            DAVPrecondition.check(request, exchange) { () throws(Problem) in
                try Propfind(exchange, request, depth).start()
            }
        case .unlock(let token):
            DAVPrecondition.check(request, exchange) {
                DAVLocking.unlock(token, request, exchange)
            }
        case .lock: try DAVLocking.lock(request, exchange)
        case .put, .write:
            // A head that cannot be is refused before the store is asked.
            let description = try PutDescription(
                head, path: request.path, isPart: true, presentYear: context.presentYear)
            DAVWrite(exchange, request, .upload(description)).start()
        case .proppatch:
            let charset = DAVBodyText.charset(head.fields)
            try DAVBodyText.read(exchange) { (body) throws(DAVFault) in
                let update = try PropertyUpdate(body: body, charset: charset)
                DAVWrite(exchange, request, .properties(update)).start()
            }
        case .delete, .makeCollection, .copy, .move: DAVWrite(exchange, request).start()
        }
    }

    /// What the server knows. 200, since old clients take nothing else for a yes.
    static func options(_ exchange: Exchange, _ allowed: StaticString) {
        exchange.respond(.ok, body: [UInt8]()) { head in
            head.field("DAV", "1, 2, 3, sabredav-partialupdate")
            head.field("MS-Author-Via", "DAV")
            head.field("Allow", allowed)
            head.field("Accept-Ranges", "bytes")
            head.field("Accept-Patch", PartialWrite.patchContentType)
        }
    }

    private static func get(_ request: DAVRequest, _ exchange: Exchange) {
        let wantsContent = exchange.head.method == .get
        let lookup = LookupRequest(path: request.path, wantsContent: wantsContent)
        exchange.context.link.call(.lookup(lookup)) { reply in
            if case .success(let found) = DAVFound.read(reply, at: request.path, in: request.tree) {
                if found.presence == .collection { return CollectionPage.answer(request, exchange) }
                if request.isCollection { return exchange.fail(.nothingThere) }
            }
            FoundAnswer(exchange: exchange, path: request.path, isDAV: true).send(reply) { _ in
                CollectionPage.answer(request, exchange)
            }
        }
    }
}

extension Problem {
    static var nothingThere: Problem {
        Problem(.notFound, "not_found", "There is nothing at that path.")
    }
}
