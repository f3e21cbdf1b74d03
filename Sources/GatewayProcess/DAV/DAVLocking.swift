internal import IPC
internal import Model
internal import WebDAV

/// What LOCK and UNLOCK do with locks that are there (RFC 4918 sections 9.10.2 and 9.11).
enum DAVLocking {
    /// A LOCK: its body says whether it takes one or lets one go on.
    static func lock(_ request: DAVRequest, _ exchange: Exchange) throws(Problem) {
        let charset = DAVBodyText.charset(exchange.head.fields)
        try DAVBodyText.read(exchange) { (body) throws(DAVFault) in
            switch try LockBody(body: body, charset: charset) {
            case .new(let scope, let owner):
                DAVWrite(exchange, request, .lock(scope, owner: owner)).start()
            case .refresh:
                DAVPrecondition.check(request, exchange) { refresh(request, exchange) }
            }
        }
    }

    private static func refresh(_ request: DAVRequest, _ exchange: Exchange) {
        guard case .lock(_, let seconds) = request.action else { return }
        find(request, exchange) { (rules) throws(DAVFault) in
            let lock = try rules.refreshed(by: request.ifHeader, at: request.path)
            let message = RefreshLockMessage(
                operation: exchange.context.makeOperationID(), path: lock.root,
                token: LockToken(bits: lock.token.bits), seconds: seconds)
            exchange.context.link.call(.refreshLock(message)) { reply in
                guard case .held(let held) = reply else {
                    return exchange.fail(problem(reply, .preconditionFailed))
                }
                let others = rules.covering(request.path).filter { $0.token != lock.token }
                answer(held, among: others, request, .ok, exchange, isNew: false)
            }
        }
    }

    static func unlock(_ token: StateToken, _ request: DAVRequest, _ exchange: Exchange) {
        find(request, exchange) { (rules) throws(DAVFault) in
            let lock = try rules.released(token, at: request.path)
            let message = UnlockMessage(
                operation: exchange.context.makeOperationID(), path: lock.root,
                token: LockToken(bits: lock.token.bits))
            exchange.context.link.call(.unlock(message)) { reply in
                guard case .done = reply else { return exchange.fail(problem(reply, .conflict)) }
                exchange.respondWithoutBody(.noContent)
            }
        }
    }

    /// The locks that cover the resource; answers what `then` throws.
    private static func find(
        _ request: DAVRequest, _ exchange: Exchange,
        then: @escaping (LockRules) throws(DAVFault) -> Void
    ) {
        DAVState.locks(covering: [request.path], in: request.tree, exchange.context.link) {
            result in
            guard !exchange.isGone else { return }
            switch result {
            case .failure(let problem): exchange.fail(problem)
            case .success(let locks):
                do throws(DAVFault) {
                    try then(LockRules(locks: locks, now: DAVClock.now()))
                } catch {
                    exchange.fail(Problem(error))
                }
            }
        }
    }

    /// A lock that was over meanwhile is as good as none.
    private static func problem(_ reply: StoreReply, _ status: DAVStatus) -> Problem {
        guard case .failed(let error) = reply, error.code == .lockNotFound else {
            return StoreFailure.problem(reply)
        }
        return Problem(DAVFault(status, error.message, condition: .lockTokenMatchesRequestURI))
    }

    /// - Parameter others: further locks that cover the resource.
    static func answer(
        _ lock: HeldLock, among others: [ActiveLock], _ request: DAVRequest, _ status: Status,
        _ exchange: Exchange, isNew: Bool = true
    ) {
        let now = DAVClock.now()
        let lock = ActiveLock(lock, in: request.tree, now: now)
        exchange.respond(
            status, type: DAVRoutes.xml, body: LockText.body([lock] + others, now: now)
        ) { head in
            head.field("Cache-Control", "no-store")
            if isNew { head.field("Lock-Token", bytes: lock.token.codedURL) }
        }
    }
}
