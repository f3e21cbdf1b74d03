internal import IPC
internal import Model
internal import WebDAV

// LOCK of something that is not locked yet (RFC 4918 section 9.10), and PROPPATCH (section 9.2).
extension DAVWrite {
    // MARK: Locks

    func takeLock(
        _ scope: ActiveLock.Scope, owner: [UInt8]?, _ depth: Depth, seconds: UInt32, _ plan: DAVPlan
    ) {
        let reach = ActiveLock.Reach(depth)
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
        guard plan.status == .created else { return lock(message, plan.status) }
        makeEmptyFile { [self] in lock(message, plan.status) }
    }

    /// There has to be something at the path (section 7.3); an empty file, since that is what most clients
    /// lock before they write it.
    private func makeEmptyFile(_ then: @escaping () -> Void) {
        let path = request.path
        var conditions = WriteConditions(ifNoneMatch: .any)
        conditions.tokens = tokens(for: .lockOfUnmapped(path))
        let write = WriteRequest(
            operation: exchange.context.makeOperationID(), path: path, conditions: conditions,
            contentType: ContentTypes.guess(path), created: nil, modified: nil, byteCount: 0,
            digest: ContentHasher.digest(of: []))
        link.call(.put(PutRequest(write: write, content: []))) { [self] reply in
            switch reply {
            case .written: then()
            // Others were faster, and that is locked as well.
            case .failed(let error)
            where error.code == .preconditionFailed || error.code == .preconditionFailedInReach:
                then()
            default: fail(reply)
            }
        }
    }

    private func lock(_ message: LockMessage, _ status: Status) {
        link.call(.lock(message)) { [self] reply in
            switch reply {
            case .held(let lock):
                DAVLocking.answer(
                    lock, among: rules.covering(request.path), request, status, exchange)
            case .failed(let error) where error.code == .locked:
                exchange.fail(
                    Problem(
                        DAVFault(
                            .locked, error.message,
                            condition: .noConflictingLock(hrefs: hrefs(of: error)))))
            default: fail(reply)
            }
        }
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

    /// - Parameter attempt: others may change them in between.
    func patch(_ update: PropertyUpdate, attempt: Int = 1) {
        let path = request.path
        link.call(.properties(PropertiesRequest(paths: [path]))) { [self] reply in
            guard case .properties(let response) = reply, let seen = response.properties.first
            else { return fail(reply) }
            do throws(Problem) {
                switch update.applied(to: try DAVState.decoded(seen)) {
                case .refused(let results): answer(results)
                case .changed(let properties):
                    set(properties.encoded, seen: seen, update, attempt: attempt)
                }
            } catch {
                exchange.fail(error)
            }
        }
    }

    private func set(_ properties: [UInt8], seen: [UInt8], _ update: PropertyUpdate, attempt: Int) {
        let set = SetPropertiesRequest(
            operation: exchange.context.makeOperationID(), path: request.path, seen: seen,
            properties: properties,
            conditions: WriteConditions(tokens: tokens(for: .proppatch(request.path))))
        link.call(.setProperties(set)) { [self] reply in
            switch reply {
            case .written: answer(update.results(.ok))
            case .failed(let error)
            where error.code == .preconditionFailed
                && attempt < GatewayLimits.propertyAttemptsMax:
                patch(update, attempt: attempt + 1)
            default: fail(reply)
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
