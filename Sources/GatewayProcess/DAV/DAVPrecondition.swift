internal import Model
internal import WebDAV

/// The If header of a request that changes nothing, or nothing but a lock: it counts for every method
/// (RFC 4918 section 10.4). `DAVPlan` judges that of the others.
enum DAVPrecondition {
    /// Goes on where there is none, or it holds.
    static func check(
        _ request: DAVRequest, _ exchange: Exchange,
        then: @escaping () throws(Problem) -> Void
    ) {
        guard let header = request.ifHeader else { return go(exchange, then) }
        let paths = header.resources(of: request.path)
        find(paths, header, request, exchange) { found, rules in
            guard DAVPlan.holds(header, request, found, rules) else {
                return exchange.fail(.preconditionFailed)
            }
            go(exchange, then)
        }
    }

    private static func go(_ exchange: Exchange, _ then: () throws(Problem) -> Void) {
        do throws(Problem) {
            try then()
        } catch {
            exchange.fail(error)
        }
    }

    private static func find(
        _ paths: Set<StorePath>, _ header: IfHeader, _ request: DAVRequest, _ exchange: Exchange,
        then: @escaping ([StorePath: DAVFound], LockRules) -> Void
    ) {
        let link = exchange.context.link
        // A header may speak of other servers alone.
        guard !paths.isEmpty else { return then([:], LockRules(locks: [], now: 0)) }
        DAVLookups.find(paths, in: request.tree, link) { result in
            guard !exchange.isGone else { return }
            switch result {
            case .failure(let problem): exchange.fail(problem)
            case .success(let found):
                guard !header.tokens.isEmpty else {
                    return then(found, LockRules(locks: [], now: 0))
                }
                DAVState.locks(covering: paths, in: request.tree, link) { result in
                    guard !exchange.isGone else { return }
                    switch result {
                    case .failure(let problem): exchange.fail(problem)
                    case .success(let locks):
                        then(found, LockRules(locks: locks, now: DAVClock.now()))
                    }
                }
            }
        }
    }
}

extension Problem {
    static var preconditionFailed: Problem {
        Problem(
            .preconditionFailed, "precondition_failed",
            "What is there is not in the state that the request demands.")
    }
}
