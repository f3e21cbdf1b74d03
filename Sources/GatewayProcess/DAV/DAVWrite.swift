internal import IPC
internal import Model
internal import WebDAV

/// A request that changes something: what is there is found out, the rules are asked, and the store
/// does what they say.
///
/// ```
///   start ──▶ what is at the paths ──▶ which locks ──▶ DAVPlan ──▶ step after step ──▶ answer
///                                                         └──▶ refused
/// ```
final class DAVWrite {
    /// What a request brings besides its head.
    enum Payload {
        case none
        case upload(PutDescription)
        case properties(PropertyUpdate)
        case lock(ActiveLock.Scope, owner: [UInt8]?)
    }

    let exchange: Exchange
    let request: DAVRequest
    private let payload: Payload
    private(set) var found: [StorePath: DAVFound] = [:]
    /// The locks that matter, where they had to be known.
    private(set) var rules = LockRules(locks: [], now: 0)
    /// What the last step that wrote was answered.
    private var response: WriteResponse?

    init(_ exchange: Exchange, _ request: DAVRequest, _ payload: Payload = .none) {
        self.exchange = exchange
        self.request = request
        self.payload = payload
    }

    var link: StoreLink { exchange.context.link }

    /// What the path of the request is of.
    var isCollection: Bool { found[request.path]?.presence == .collection }

    func start() {
        DAVLookups.find(request.paths, in: request.tree, link) { [self] result in
            switch result {
            case .failure(let problem): exchange.fail(problem)
            case .success(let found):
                self.found = found
                findLocks()
            }
        }
    }

    private func findLocks() {
        guard request.needsLocks else { return decide([]) }
        let exists = (found[request.path] ?? .absent).presence != .absent
        let write = request.lockedWrite(exists: exists)
        let paths = request.paths.union(write?.resources ?? [])
        DAVState.locks(
            covering: paths, below: request.lockedTrees, in: request.tree, link
        ) { [self] result in
            switch result {
            case .failure(let problem): exchange.fail(problem)
            case .success(let locks): decide(locks)
            }
        }
    }

    private func decide(_ locks: [ActiveLock]) {
        // Whoever is gone has not asked to the end.
        guard !exchange.isGone else { return }
        rules = LockRules(locks: locks, now: DAVClock.now())
        let plan: DAVPlan
        do throws(DAVRefusal) {
            plan = try DAVPlan(request, found, rules)
        } catch {
            return error.answer(exchange, href: request.href(isCollection))
        }
        lookAhead(plan) { [self] in run(plan, 0) }
    }

    /// What a plan deletes for its next step stays where that cannot be done.
    private func lookAhead(_ plan: DAVPlan, then: @escaping () -> Void) {
        guard plan.steps.count > 1, case .delete(let target, _, _) = plan.steps[0],
            case .transfer(let kind, _) = plan.steps[1]
        else { return then() }
        let isMove = if case .move = kind { true } else { false }
        DAVTransferCheck.start(
            exchange, request, to: target, isMove: isMove,
            source: found[request.path] ?? .absent, target: found[target] ?? .absent
        ) { [self] problem in
            if let problem { return exchange.fail(problem) }
            then()
        }
    }

    /// Tokens that the client shows of locks which protect what a step changes. The store takes others for
    /// those of locks that are over, and refuses.
    func tokens(for step: LockedWrite) -> [LockToken] {
        guard let shown = request.ifHeader?.tokens else { return [] }
        let relevant = rules.locks.filter { lock in
            shown.contains(lock.token)
                && (step.resources.contains(where: lock.covers)
                    || step.trees.contains(where: lock.root.isBelow))
        }
        return relevant.map { LockToken(bits: $0.token.bits) }
    }

    // MARK: Steps

    private func run(_ plan: DAVPlan, _ index: Int) {
        guard index < plan.steps.count else {
            return endLocks(endedLocks[...]) { [self] in answer(plan) }
        }
        let operation = exchange.context.makeOperationID()
        switch plan.steps[index] {
        case .upload: store(description(plan.conditions))
        case .write(let part): write(part, of: description(plan.conditions))
        case .proppatch:
            guard case .properties(let update) = payload else {
                preconditionFailure("a PROPPATCH has its changes")
            }
            patch(update, plan.conditions)
        case .lock:
            guard case .lock(let scope, let owner) = payload,
                case .lock(let depth, let seconds) = request.action
            else { preconditionFailure("a LOCK says what it wants") }
            takeLock(scope, owner: owner, depth, seconds: seconds, plan)
        case .delete(let path, var conditions, let isCollection):
            conditions.tokens = tokens(for: .delete(path))
            let delete = DeleteRequest(
                operation: operation, path: path, conditions: conditions, recursive: isCollection,
                directoryOnly: isCollection)
            let seconds =
                isCollection ? GatewayLimits.treeWaitSeconds : GatewayLimits.storeWaitSeconds
            call(.delete(delete), seconds: seconds, plan, index)
        case .makeDirectory(let path):
            let make = MakeDirectoryRequest(
                operation: operation, path: path, tokens: tokens(for: .mkcol(path)))
            call(.makeDirectory(make), seconds: GatewayLimits.storeWaitSeconds, plan, index)
        case .copyProperties(let target):
            copyProperties(to: target) { [self] in run(plan, index + 1) }
        case .transfer(let kind, let isCollection):
            let tokens = request.lockedWrite(exists: true).map(tokens) ?? []
            let transfer = TransferRequest(
                operation: operation, path: request.path, kind: kind, directoryOnly: isCollection,
                tokens: tokens)
            call(.transfer(transfer), seconds: GatewayLimits.transferWaitSeconds, plan, index)
        }
    }

    private func call(_ step: StoreRequest, seconds: Int64, _ plan: DAVPlan, _ index: Int) {
        let isDeletion = if case .delete = plan.steps[index] { true } else { false }
        let isLast = index + 1 == plan.steps.count
        link.call(step, seconds: seconds) { [self] reply in
            switch reply {
            case .written(let response):
                self.response = response
                run(plan, index + 1)
            // What makes room for the rest is gone already.
            case .failed(let error) where isDeletion && !isLast && error.code == .notFound:
                run(plan, index + 1)
            default: fail(reply)
            }
        }
    }

    /// - Parameter conditions: what the store is to look at again.
    private func description(_ conditions: WriteConditions) -> PutDescription {
        guard case .upload(var description) = payload else {
            preconditionFailure("a PUT has its description")
        }
        description.conditions = conditions
        return description
    }

    /// - Parameters:
    ///   - feed: gives the content; nil: it is the body.
    ///   - refusal: answers what the store did not store.
    func store(
        _ description: PutDescription, feed: (any UploadFeed)? = nil,
        refusal: ((StoreReply) -> Void)? = nil
    ) {
        var upload = description
        let exists = (found[request.path] ?? .absent).presence != .absent
        upload.conditions.tokens = tokens(for: .put(request.path, exists: exists))
        let acceptsTime =
            exchange.head.fields.contains(.modifiedSeconds) && upload.modified != nil
        let answer: Upload.Answer = { response, write, exchange in
            let isNew = response.outcome == .created
            let fields: (inout HeadWriter) -> Void = { head in
                head.field("ETag", bytes: EntityTag.short(write.digest))
                head.field("X-ClusterF-Version", response.versionName)
                // What clients wait for that set the time of a file so.
                if acceptsTime { head.field("X-OC-MTime", "accepted") }
                WriteAnswer.promise(response, to: &head)
            }
            if isNew {
                exchange.respond(.created, body: [UInt8](), fields: fields)
            } else {
                exchange.respondWithoutBody(.noContent, fields: fields)
            }
        }
        Upload(exchange, upload, feed: feed, answer: answer) { [self] reply, _ in
            if let refusal { refusal(reply) } else { fail(reply) }
        }.start()
    }

    // MARK: The answer

    /// What the store refused. What is about members of a collection is said of each.
    func fail(_ reply: StoreReply) {
        guard case .failed(let error) = reply else {
            return exchange.fail(StoreFailure.problem(reply))
        }
        let trees = request.lockedTrees
        let areMembers =
            !error.paths.isEmpty
            && error.paths.allSatisfy { root in trees.contains(where: root.isBelow) }
        guard error.code == .locked else {
            return areMembers ? fail(members: error) : exchange.fail(Problem(error))
        }
        let hrefs = hrefs(of: error)
        guard areMembers else {
            return exchange.fail(
                Problem(
                    DAVFault(
                        .locked, error.message, condition: .lockTokenSubmitted(hrefs: hrefs))))
        }
        var writer = MultistatusWriter(now: DAVClock.now(), capacity: 1024)
        writer.begin()
        for href in hrefs {
            writer.response(href: href, .locked, condition: .lockTokenSubmitted(hrefs: [href]))
        }
        writer.response(href: request.href(isCollection), .failedDependency)
        writer.end()
        exchange.respond(multistatus: writer.take())
    }

    /// RFC 4918 sections 9.6.1, 9.8.5 and 9.9.4: what is not said was done, or waits above what failed.
    private func fail(members error: RemoteError) {
        let problem = Problem(error)
        let status = DAVStatus(rawValue: Int(problem.status.rawValue)) ?? .unavailable
        var writer = MultistatusWriter(now: DAVClock.now(), capacity: 1024)
        writer.begin()
        for href in hrefs(of: error) { writer.response(href: href, status) }
        writer.end()
        exchange.respond(multistatus: writer.take())
    }

    /// Where the locks are that the store met.
    func hrefs(of error: RemoteError) -> [[UInt8]] {
        let roots = error.paths.isEmpty ? [request.path] : error.paths
        return roots.map { root in
            request.tree.lockHref(root, isCollection: found[root]?.presence == .collection)
        }
    }

    private func answer(_ plan: DAVPlan) {
        var status = plan.status
        switch response?.outcome {
        // Others were faster: there is a collection, but this request has not made it.
        case .directoryExisted where request.action == .makeCollection:
            return Router.refuseMethod(DAVRoutes.allowed, exchange)
        case .replaced where status == .created: status = .noContent
        case .created, .replaced, .deleted, .directoryMade, .directoryExisted, nil: break
        }
        let fields: (inout HeadWriter) -> Void = { [response] head in
            if let response { WriteAnswer.promise(response, to: &head) }
        }
        if status == .created {
            exchange.respond(.created, body: [UInt8](), fields: fields)
        } else {
            exchange.respondWithoutBody(status, fields: fields)
        }
    }
}
