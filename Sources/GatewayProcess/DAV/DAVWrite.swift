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
    private let exchange: Exchange
    private let request: DAVRequest
    /// Of a PUT.
    private let upload: PutDescription?
    /// What the last step that wrote was answered.
    private var response: WriteResponse?

    init(_ exchange: Exchange, _ request: DAVRequest, upload: PutDescription? = nil) {
        self.exchange = exchange
        self.request = request
        self.upload = upload
    }

    private var link: StoreLink { exchange.context.link }

    func start() {
        DAVLookups.find(request.paths, link) { [self] result in
            switch result {
            case .failure(let problem): exchange.fail(problem)
            case .success(let found): findLocks(found)
            }
        }
    }

    private func findLocks(_ found: [StorePath: DAVFound]) {
        let exists = (found[request.path] ?? .absent).presence != .absent
        let write = request.lockedWrite(exists: exists)
        let paths = request.paths.union(write?.resources ?? [])
        DAVState.locks(covering: paths, below: write?.trees ?? [], link) { [self] result in
            switch result {
            case .failure(let problem): exchange.fail(problem)
            case .success(let locks): decide(found, locks)
            }
        }
    }

    private func decide(_ found: [StorePath: DAVFound], _ locks: [ActiveLock]) {
        // Whoever is gone has not asked to the end.
        guard !exchange.isGone else { return }
        let plan: DAVPlan
        do throws(DAVRefusal) {
            plan = try DAVPlan(request, found, LockRules(locks: locks, now: DAVClock.now()))
        } catch {
            let isCollection = found[request.path]?.presence == .collection
            return error.answer(exchange, href: request.href(isCollection))
        }
        run(plan, 0)
    }

    // MARK: Steps

    private func run(_ plan: DAVPlan, _ index: Int) {
        guard index < plan.steps.count else { return answer(plan) }
        let operation = exchange.context.makeOperationID()
        switch plan.steps[index] {
        case .upload: store()
        case .proppatch, .lock: exchange.fail(DAVState.refusal)
        case .delete(let path, let conditions, let isCollection):
            let delete = DeleteRequest(
                operation: operation, path: path, conditions: conditions, recursive: isCollection,
                directoryOnly: isCollection)
            let seconds =
                isCollection ? GatewayLimits.treeWaitSeconds : GatewayLimits.storeWaitSeconds
            call(.delete(delete), seconds: seconds, plan, index)
        case .makeDirectory(let path):
            call(
                .makeDirectory(MakeDirectoryRequest(operation: operation, path: path)),
                seconds: GatewayLimits.storeWaitSeconds, plan, index)
        case .transfer(let kind, let isCollection):
            let transfer = TransferRequest(
                operation: operation, path: request.path, kind: kind, directoryOnly: isCollection)
            call(.transfer(transfer), seconds: GatewayLimits.transferWaitSeconds, plan, index)
        }
    }

    private func call(_ step: StoreRequest, seconds: Int64, _ plan: DAVPlan, _ index: Int) {
        let isLast = index + 1 == plan.steps.count
        link.call(step, seconds: seconds) { [self] reply in
            switch reply {
            case .written(let response):
                self.response = response
                run(plan, index + 1)
            // What makes room for the rest is gone already.
            case .failed(let error) where !isLast && error.code == .notFound:
                run(plan, index + 1)
            default: exchange.fail(StoreFailure.problem(reply))
            }
        }
    }

    private func store() {
        guard let upload else { preconditionFailure("a PUT has its description") }
        let acceptsTime =
            exchange.head.fields.contains(.modifiedSeconds) && upload.modified != nil
        Upload(exchange, upload) { response, write, exchange in
            let isNew = response.outcome == .created
            let answer: (inout HeadWriter) -> Void = { head in
                head.field("ETag", bytes: EntityTag.text(write.digest))
                head.field("X-ClusterF-Version", response.versionName)
                // What clients wait for that set the time of a file so.
                if acceptsTime { head.field("X-OC-MTime", "accepted") }
                WriteAnswer.promise(response, to: &head)
            }
            if isNew {
                exchange.respond(.created, body: [UInt8](), fields: answer)
            } else {
                exchange.respondWithoutBody(.noContent, fields: answer)
            }
        }.start()
    }

    // MARK: The answer

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
