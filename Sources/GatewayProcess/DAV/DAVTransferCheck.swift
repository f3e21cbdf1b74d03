internal import IPC
internal import Model
internal import WebDAV

/// Looks whether a COPY or MOVE can be done before what is at its destination is deleted for it: whether its
/// source is still there, its paths are short enough, and quotas have room. What others do afterwards is
/// not foreseen; what was deleted is in the trash then.
final class DAVTransferCheck {
    private let exchange: Exchange
    private let request: DAVRequest
    private let target: StorePath
    private let isMove: Bool
    /// What is at the source and at the destination.
    private let found: (source: DAVFound, target: DAVFound)
    private let completion: (Problem?) -> Void

    private init(
        _ exchange: Exchange, _ request: DAVRequest, to target: StorePath, isMove: Bool,
        _ found: (DAVFound, DAVFound), _ completion: @escaping (Problem?) -> Void
    ) {
        self.exchange = exchange
        self.request = request
        self.target = target
        self.isMove = isMove
        self.found = (found.0, found.1)
        self.completion = completion
    }

    private var link: StoreLink { exchange.context.link }

    /// - Parameter then: with why it cannot be done; not called for a client that is gone.
    static func start(
        _ exchange: Exchange, _ request: DAVRequest, to target: StorePath, isMove: Bool,
        source: DAVFound, target there: DAVFound, then: @escaping (Problem?) -> Void
    ) {
        DAVTransferCheck(exchange, request, to: target, isMove: isMove, (source, there), then)
            .findQuotas()
    }

    private func findQuotas() {
        link.call(.quotas) { [self] reply in
            guard !exchange.isGone else { return }
            guard case .quotas(let list) = reply else {
                return completion(StoreFailure.problem(reply))
            }
            let left = DAVQuota.left(
                in: list, for: target, movedFrom: isMove ? request.path : nil)
            // Shorter paths fit, and what no quota is for has no sum to be known.
            guard left != nil || target.bytes.count > request.path.bytes.count else {
                return lookAgain()
            }
            measure(request.path, found.source) { [self] extent in
                check(extent, left: left)
            }
        }
    }

    private func check(_ extent: TreeExtent, left: UInt64?) {
        do throws(DAVFault) {
            try extent.checkPaths(at: target)
        } catch {
            return completion(Problem(error))
        }
        guard let left, extent.byteCount > left else { return lookAgain() }
        measure(target, found.target) { [self] there in
            do throws(DAVFault) {
                try extent.checkRoom(left: left, freed: there.byteCount)
            } catch {
                return completion(Problem(error))
            }
            lookAgain()
        }
    }

    /// Right before it is too late.
    private func lookAgain() {
        DAVLookups.find([request.path], in: request.tree, link) { [self] result in
            guard !exchange.isGone else { return }
            switch result {
            case .failure(let problem): completion(problem)
            case .success(let found):
                let isThere = (found[request.path] ?? .absent).presence != .absent
                completion(isThere ? nil : .nothingThere)
            }
        }
    }

    // MARK: Sizes

    private func measure(
        _ path: StorePath, _ found: DAVFound, _ then: @escaping (TreeExtent) -> Void
    ) {
        var extent = TreeExtent(of: path)
        guard found.presence == .collection else {
            extent.add(nil, in: path, byteCount: found.facts?.byteCount ?? 0)
            return then(extent)
        }
        let members = DAVMembers(of: path, in: request.tree, href: [], isDeep: true, link)
        add(members, to: extent, then)
    }

    private func add(
        _ members: DAVMembers, to extent: TreeExtent, _ then: @escaping (TreeExtent) -> Void
    ) {
        members.next { [self] result in
            guard !exchange.isGone else { return }
            switch result {
            case .failure(let problem): completion(problem)
            case .success(nil): then(extent)
            case .success(let page?):
                var extent = extent
                for entry in page.entries {
                    let byteCount: UInt64 =
                        if case .file(_, let facts) = entry { facts.byteCount } else { 0 }
                    extent.add(entry.name, in: page.collection, byteCount: byteCount)
                }
                add(members, to: extent, then)
            }
        }
    }
}
