internal import IPC
internal import Model
internal import WebDAV

/// What is at a path.
struct DAVFound: Equatable {
    var presence: ResourceRules.Presence
    /// Of a file.
    var facts: FileFacts?
    /// Of a collection.
    var changed: Timestamp?

    static let absent = DAVFound(presence: .absent)
    static let collection = DAVFound(presence: .collection)
}

/// What the store is asked for, in order, and what the client is told when all of it is done.
struct DAVPlan: Equatable {
    enum Step: Equatable {
        /// The body becomes a file.
        case upload
        /// The body becomes a part of the file.
        case write(FilePart)
        /// The properties of the body are changed.
        case proppatch
        case lock
        case delete(StorePath, WriteConditions, isCollection: Bool)
        case makeDirectory(StorePath)
        /// A collection gets the dead properties of the request's own.
        case copyProperties(to: StorePath)
        case transfer(TransferRequest.Kind, isCollection: Bool)
    }

    var steps: [Step]
    var status: Status
    /// What the store is to look at again in the transaction of a write: what the request demands, and
    /// where an If header holds by an entity tag, that it is still what was found.
    var conditions: WriteConditions

    /// What a request comes to.
    ///
    /// - Parameters:
    ///   - found: what is at each of `DAVRequest.paths`.
    ///   - rules: the locks at these paths, and below what may go.
    init(
        _ request: DAVRequest, _ found: [StorePath: DAVFound], _ rules: LockRules
    ) throws(DAVRefusal) {
        var source = found[request.path] ?? .absent
        // Only a collection's path ends in a slash; that of something new may.
        if request.isCollection, source.presence == .file, request.action != .makeCollection {
            source = .absent
        }
        conditions = try DAVPlan.checkConditions(request, found, source, rules)
        try DAVPlan.checkLocks(request, source, rules)
        do throws(DAVFault) {
            (steps, status) = try DAVPlan.steps(request, found, source, conditions)
        } catch {
            throw .problem(Problem(error))
        }
    }

    // MARK: Before the method

    private static func checkConditions(
        _ request: DAVRequest, _ found: [StorePath: DAVFound], _ source: DAVFound,
        _ rules: LockRules
    ) throws(DAVRefusal) -> WriteConditions {
        guard request.conditions.hold(at: source),
            request.ifHeader.map({ holds($0, request, found, rules) }) ?? true
        else { throw .problem(.preconditionFailed) }
        // What is demanded of a collection was looked at: the store knows that of files.
        if source.presence == .collection { return .none }
        var conditions = request.conditions
        if let header = request.ifHeader,
            header.holdsByTag(of: request.path, state(found, rules))
        {
            if let facts = source.facts {
                conditions.ifMatch = .digests([facts.digest])
            } else {
                conditions.ifNoneMatch = .any
            }
        }
        return conditions
    }

    /// Whether an If header holds of what was found.
    static func holds(
        _ header: IfHeader, _ request: DAVRequest, _ found: [StorePath: DAVFound],
        _ rules: LockRules
    ) -> Bool {
        header.holds(of: request.path, state(found, rules))
    }

    private static func state(
        _ found: [StorePath: DAVFound], _ rules: LockRules
    ) -> (StorePath) -> IfHeader.State {
        { path in
            IfHeader.State(
                entityTag: found[path]?.facts.map { EntityTag.short($0.digest) },
                tokens: rules.tokens(covering: path))
        }
    }

    private static func checkLocks(
        _ request: DAVRequest, _ source: DAVFound, _ rules: LockRules
    ) throws(DAVRefusal) {
        let exists = source.presence != .absent
        guard let write = request.lockedWrite(exists: exists) else { return }
        let verdict = rules.verdict(on: write, tokens: request.ifHeader?.tokens ?? [])
        switch verdict {
        case .allowed: break
        case .locked:
            if let fault = verdict.fault { throw .problem(Problem(fault)) }
        case .membersLocked(let locks): throw .members(locks)
        }
    }

    // MARK: The method

    private typealias Result = (steps: [Step], status: Status)

    private static func steps(
        _ request: DAVRequest, _ found: [StorePath: DAVFound], _ source: DAVFound,
        _ conditions: WriteConditions
    ) throws(DAVFault) -> Result {
        let path = request.path
        let parent = path.parent.flatMap { found[$0]?.presence } ?? .collection
        switch request.action {
        case .put:
            let status = try ResourceRules.put(
                at: source.presence, parent: parent, hasSlash: request.isCollection)
            return ([.upload], Status(status))
        case .write(let write, let creates):
            if !creates { try ResourceRules.patch(at: source.presence) }
            let status = try ResourceRules.put(
                at: source.presence, parent: parent, hasSlash: request.isCollection)
            let part = FilePart(
                range: try write.range(fileByteCount: source.facts?.byteCount ?? 0),
                digest: source.facts?.digest, fileByteCount: source.facts?.byteCount ?? 0)
            return ([.write(part)], Status(status))
        case .makeCollection:
            try ResourceRules.mkcol(
                hasBody: request.hasBody, at: source.presence, parent: parent)
            return ([.makeDirectory(path)], .created)
        case .delete:
            try checkIsThere(source)
            try checkIsNoRoot(path, request)
            let isCollection = source.presence == .collection
            return ([.delete(path, conditions, isCollection: isCollection)], .noContent)
        case .copy(let depth, let destination):
            return try transfer(request, found, source, to: destination, depth, isMove: false)
        case .move(let destination):
            try checkIsNoRoot(path, request)
            return try transfer(request, found, source, to: destination, .infinity, isMove: true)
        case .proppatch:
            try checkIsThere(source)
            return ([.proppatch], .multiStatus)
        case .lock:
            let status = try ResourceRules.lock(
                at: source.presence, parent: parent, hasSlash: request.isCollection)
            return ([.lock], Status(status))
        case .get, .propfind, .unlock: preconditionFailure("nothing that is planned")
        }
    }

    private static func checkIsThere(_ found: DAVFound) throws(DAVFault) {
        guard found.presence != .absent else {
            throw DAVFault(.notFound, "There is nothing at that path.")
        }
    }

    /// A client that has the tree mounted would be left without a ground to stand on.
    private static func checkIsNoRoot(
        _ path: StorePath, _ request: DAVRequest
    ) throws(DAVFault) {
        guard path != request.tree.base else {
            throw DAVFault(.forbidden, "The root of the tree stays where it is.")
        }
    }

    private static func transfer(
        _ request: DAVRequest, _ found: [StorePath: DAVFound], _ source: DAVFound,
        to destination: DAVRequest.Destination, _ depth: Depth, isMove: Bool
    ) throws(DAVFault) -> Result {
        let target = destination.path
        let there = found[target]?.presence ?? .absent
        let parent = target.parent.flatMap { found[$0]?.presence } ?? .collection
        let status = try ResourceRules.transfer(
            from: request.path, source.presence, to: target, there, parent: parent, depth: depth,
            overwrites: destination.overwrites)
        try checkIsNoRoot(target, request)
        let isCollection = source.presence == .collection
        var steps: [Step] = []
        // The store replaces a file by a file at once; what else is there goes first, as a DELETE
        // would do it, since collections are not to be mixed (RFC 4918 section 9.8.4).
        let isReplacedAtOnce = there == .file && !isCollection
        if there != .absent, !isReplacedAtOnce {
            steps.append(.delete(target, .none, isCollection: there == .collection))
        }
        let overwrites = destination.overwrites
        if isMove {
            let kind = TransferRequest.Kind.move(to: target, overwrite: overwrites)
            steps.append(.transfer(kind, isCollection: isCollection))
        } else if isCollection, depth == .zero {
            // What the collection itself has goes along (section 9.8.3).
            steps += [.makeDirectory(target), .copyProperties(to: target)]
        } else {
            let kind = TransferRequest.Kind.copy(to: target, overwrite: overwrites)
            steps.append(.transfer(kind, isCollection: isCollection))
        }
        return (steps, Status(status))
    }
}

extension WriteConditions {
    /// Whether they hold for what was found. A collection has no entity tag, and is there.
    func hold(at found: DAVFound) -> Bool {
        guard found.presence == .collection else {
            return hold(digest: found.facts?.digest, modified: found.facts?.modified)
        }
        if let ifMatch, ifMatch != .any { return false }
        return ifNoneMatch != .any
    }
}
