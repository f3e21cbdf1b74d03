internal import IPC
internal import Model
internal import WebDAV

// LOCK of something that is not locked yet (RFC 4918 section 9.10), and PROPPATCH (section 9.2).
extension DAVWrite {
    // MARK: Locks

    func takeLock(
        _ scope: ActiveLock.Scope, owner: [UInt8]?, _ depth: Depth, seconds: UInt32, _ plan: DAVPlan
    ) {
        // A file has nothing below it; so a lock of depth infinity is a collection's, also to its href.
        let reach = isCollection ? ActiveLock.Reach(depth) : .zero
        switch rules.grant(scope, reach, at: request.path) {
        case .granted: break
        case .conflict(let locks):
            return exchange.fail(
                Problem(
                    DAVFault(
                        .locked, "The resource is locked.",
                        condition: .noConflictingLock(hrefs: locks.hrefs))))
        case .membersConflict(let locks):
            return DAVRefusal.answer(
                exchange, locks, { .noConflictingLock(hrefs: $0) }, href: request.href(true))
        }
        let message = LockMessage(
            operation: exchange.context.makeOperationID(), path: request.path,
            token: exchange.context.makeLockToken(), owner: owner ?? [],
            scope: scope == .exclusive ? .exclusive : .shared,
            depth: reach == .zero ? .zero : .infinity, seconds: seconds)
        lock(message, makesFile: plan.status == .created)
    }

    /// The lock comes first: who does not get it leaves nothing behind, and who does has the file that is
    /// made for it.
    private func lock(_ message: LockMessage, makesFile: Bool) {
        link.call(.lock(message)) { [self] reply in
            switch reply {
            // A client that is gone has no token to give it back with.
            case .held(let lock) where exchange.isGone: giveBack(lock)
            case .held(let lock):
                makesFile ? makeEmptyFile(under: lock) : answer(lock, isNew: false)
            case .failed(let error) where error.code == .locked:
                exchange.fail(
                    Problem(
                        DAVFault(
                            .locked, error.message,
                            condition: .noConflictingLock(hrefs: hrefs(of: error)))))
            case .failed(let error) where error.leavesOutcomeOpen:
                LockReturn.start(
                    exchange.context, message.path, message.token, mayBeLate: true)
                fail(reply)
            default: fail(reply)
            }
        }
    }

    /// There has to be something at the path (section 7.3); an empty file, since that is what most clients
    /// lock before they write it.
    private func makeEmptyFile(under lock: HeldLock) {
        let path = request.path
        var conditions = WriteConditions(ifNoneMatch: .any)
        let tokens = [lock.token] + tokens(for: .lockOfUnmapped(path))
        conditions.tokens = Array(tokens.prefix(IPCLimits.lockTokensMax))
        let write = WriteRequest(
            operation: exchange.context.makeOperationID(), path: path, conditions: conditions,
            contentType: ContentTypes.guess(path), created: nil, modified: nil, byteCount: 0,
            digest: ContentHasher.digest(of: []))
        link.call(.put(PutRequest(write: write, content: []))) { [self] reply in
            switch reply {
            case .written: answer(lock, isNew: true)
            case .failed(let error)
            where error.code == .preconditionFailed || error.code == .preconditionFailedInReach:
                lookAgain(lock, reply)
            default: giveBack(lock) { [self] in fail(reply) }
            }
        }
    }

    /// Others were faster, and what they made is locked as well; or a lock is over whose token was shown.
    private func lookAgain(_ lock: HeldLock, _ refusal: StoreReply) {
        DAVLookups.find([request.path], in: request.tree, link) { [self] result in
            if case .success(let found) = result,
                (found[request.path] ?? .absent).presence != .absent
            {
                return answer(lock, isNew: false)
            }
            giveBack(lock) { [self] in fail(refusal) }
        }
    }

    private func giveBack(_ lock: HeldLock, then: @escaping () -> Void = {}) {
        LockReturn.start(exchange.context, lock.root, lock.token, then: then)
    }

    private func answer(_ lock: HeldLock, isNew: Bool) {
        guard !exchange.isGone else { return giveBack(lock) }
        DAVLocking.answer(
            lock, among: rules.covering(request.path), request, isNew ? .created : .ok, exchange)
    }

    /// Locks of what is not there any more (sections 7.6, 9.6 and 9.9). Whoever took it away has shown their
    /// tokens, so that they are known.
    var endedLocks: [ActiveLock] {
        switch request.action {
        case .delete: rules.ended(at: request.path)
        case .move(let destination):
            rules.ended(at: request.path)
                + rules.ended(at: destination.path, keepingRoot: true)
        case .copy(_, let destination):
            rules.ended(at: destination.path, keepingRoot: true)
        case .get, .put, .write, .makeCollection, .propfind, .proppatch, .lock, .unlock: []
        }
    }

    /// One after the other. One that stays, since its holders cannot be reached, is over by itself later.
    func endLocks(_ locks: ArraySlice<ActiveLock>, then: @escaping () -> Void) {
        guard let lock = locks.first else { return then() }
        let message = UnlockMessage(
            operation: exchange.context.makeOperationID(), path: lock.root,
            token: LockToken(bits: lock.token.bits))
        link.call(.unlock(message)) { [self] reply in
            if case .failed(let error) = reply, error.code != .lockNotFound {
                Log.write(
                    .warning, "a lock stays where nothing is any more",
                    ["path": "\(lock.root)", "error": error.message])
            }
            endLocks(locks.dropFirst(), then: then)
        }
    }

    // MARK: Properties

    /// - Parameters:
    ///   - conditions: what the file has to be.
    ///   - attempt: others may change them in between.
    func patch(_ update: PropertyUpdate, _ conditions: WriteConditions, attempt: Int = 1) {
        let path = request.path
        link.call(.properties(PropertiesRequest(paths: [path]))) { [self] reply in
            guard case .properties(let response) = reply, let seen = response.properties.first
            else { return fail(reply) }
            do throws(Problem) {
                switch update.applied(to: try DAVState.decoded(seen)) {
                case .refused(let results): answer(results)
                case .changed(let properties):
                    set(properties.encoded, seen: seen, update, conditions, attempt: attempt)
                }
            } catch {
                exchange.fail(error)
            }
        }
    }

    private func set(
        _ properties: [UInt8], seen: [UInt8], _ update: PropertyUpdate,
        _ conditions: WriteConditions, attempt: Int
    ) {
        var shown = conditions
        shown.tokens = tokens(for: .proppatch(request.path))
        let set = SetPropertiesRequest(
            operation: exchange.context.makeOperationID(), path: request.path, seen: seen,
            properties: properties, conditions: shown)
        link.call(.setProperties(set)) { [self] reply in
            switch reply {
            case .written: answer(update.results(.ok))
            case .failed(let error)
            where error.code == .preconditionFailed
                && attempt < GatewayLimits.propertyAttemptsMax:
                patch(update, conditions, attempt: attempt + 1)
            default: fail(reply)
            }
        }
    }

    /// Gives what is at the request's path to a collection that was made for it, and has none.
    func copyProperties(to target: StorePath, then: @escaping () -> Void) {
        link.call(.properties(PropertiesRequest(paths: [request.path]))) { [self] reply in
            guard case .properties(let response) = reply, let own = response.properties.first
            else { return fail(reply) }
            if own.isEmpty { return then() }
            let set = SetPropertiesRequest(
                operation: exchange.context.makeOperationID(), path: target, seen: [],
                properties: own,
                conditions: WriteConditions(tokens: tokens(for: .proppatch(target))))
            link.call(.setProperties(set)) { [self] reply in
                guard case .written = reply else { return fail(reply) }
                then()
            }
        }
    }

    private func answer(_ results: [PropertyResult]) {
        var writer = MultistatusWriter(now: DAVClock.now(), capacity: 1024)
        writer.begin()
        writer.response(href: request.href(isCollection), results)
        writer.end()
        exchange.respond(multistatus: writer.take())
    }
}
