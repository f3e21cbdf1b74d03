internal import IPC
internal import Model
internal import WebDAV

/// PROPFIND (RFC 4918 section 9.1): a resource alone, with its members, or with all that is below.
final class Propfind: DAVMembersText {
    private let exchange: Exchange
    private let request: DAVRequest
    private let depth: Depth
    private var plan = PropfindPlan(.names)
    private var writer: MultistatusWriter
    /// The collection itself, which comes first.
    private var own: DAVResource?
    /// Where it is asked for.
    private var quota: DAVQuota?
    private var locks = LockRules(locks: [], now: 0)
    /// There are too many below to be asked for at once: those of each member are, as it is answered.
    private var asksForLocksOfEach = false
    private var count = 0

    init(_ exchange: Exchange, _ request: DAVRequest, _ depth: Depth) {
        self.exchange = exchange
        self.request = request
        self.depth = depth
        writer = MultistatusWriter(now: DAVClock.now(), capacity: 1024)
    }

    private var link: StoreLink { exchange.context.link }

    func start() throws(Problem) {
        let charset = DAVBodyText.charset(exchange.head.fields)
        try DAVBodyText.read(exchange) { [self] (body) throws(DAVFault) in
            plan = PropfindPlan(try PropfindRequest(body: body, charset: charset))
            lookUp()
        }
    }

    private func lookUp() {
        var lookup = LookupRequest(path: request.path, wantsContent: false)
        lookup.wantsProperties = plan.asksForDeadProperties
        link.call(.lookup(lookup)) { [self] reply in
            guard !exchange.isGone else { return }
            switch DAVFound.read(reply, at: request.path, in: request.tree) {
            case .failure(let problem): exchange.fail(problem)
            case .success(let found):
                let isMissing = found.presence == .file && request.isCollection
                guard found.presence != .absent, !isMissing else {
                    return exchange.fail(.nothingThere)
                }
                findLocks(found)
            }
        }
    }

    /// Those of all that is answered, at once.
    private func findLocks(_ found: DAVFound) {
        guard plan.asksForLocks else { return describe(found) }
        let isAlone = depth == .zero || asksForLocksOfEach
        let trees: Set<StorePath> = isAlone ? [] : [request.path]
        DAVState.locks(
            covering: [request.path], below: trees, depth == .one ? .members : .below,
            in: request.tree, link
        ) { [self] result in
            guard !exchange.isGone else { return }
            switch result {
            case .failure(let problem) where problem.isOfTooManyLocks && !isAlone:
                asksForLocksOfEach = true
                findLocks(found)
            case .failure(let problem): exchange.fail(problem)
            case .success(let held):
                locks = LockRules(locks: held, now: DAVClock.now())
                describe(found)
            }
        }
    }

    private func describe(_ found: DAVFound) {
        let path = request.path
        properties(of: [(path, found.facts)]) { [self] result in
            switch result {
            case .failure(let problem): exchange.fail(problem)
            case .success(let properties):
                let facts = DAVFacts(
                    properties: properties.first ?? [], locks: locks.covering(path))
                let own = DAVResource(request, found, facts)
                guard plan.asksForQuota else { return answer(own) }
                DAVQuota.find(link) { [self] quota in
                    self.quota = quota
                    var own = own
                    own.quota = quota?.room(at: path)
                    answer(own)
                }
            }
        }
    }

    /// Of files they came with the listing, unless they are many; of others they are asked for.
    private func properties(
        of resources: [(path: StorePath, facts: FileFacts?)],
        completion: @escaping (Result<[[DeadProperty]], Problem>) -> Void
    ) {
        var properties = Array(repeating: [DeadProperty](), count: resources.count)
        guard plan.asksForDeadProperties else { return completion(.success(properties)) }
        var asked: [Int] = []
        do throws(Problem) {
            for (index, resource) in resources.enumerated() {
                switch resource.facts?.properties {
                case .bytes(let bytes): properties[index] = try DAVState.decoded(bytes)
                case .elsewhere, nil: asked.append(index)
                }
            }
        } catch {
            return completion(.failure(error))
        }
        if asked.isEmpty { return completion(.success(properties)) }
        DAVState.properties(of: asked.map { resources[$0].path }, link) { result in
            completion(
                result.map { found in
                    for (index, own) in zip(asked, found) { properties[index] = own }
                    return properties
                })
        }
    }

    private func answer(_ own: DAVResource) {
        guard own.isCollection, depth != .zero else {
            writer.begin()
            writer.response(own, plan)
            writer.end()
            return exchange.respond(multistatus: writer.take())
        }
        if !Depth.leavesRootOut(exchange.head.fields[.depth]) { self.own = own }
        if depth == .infinity {
            countMembers(makeMembers())
        } else {
            stream()
        }
    }

    private func makeMembers() -> DAVMembers {
        DAVMembers(
            of: request.path, in: request.tree, href: request.href(true),
            isDeep: depth == .infinity,
            wantsProperties: plan.asksForDeadProperties, link)
    }

    /// Whether there are too many has to be known before the first is sent; they are not kept, since that
    /// would take memory for all.
    private func countMembers(_ members: DAVMembers) {
        members.next { [self] result in
            switch result {
            case .failure(let problem): exchange.fail(problem)
            case .success(nil): stream()
            case .success(let page?):
                count += page.entries.count
                guard count < WebDAVLimits.infiniteDepthCountMax else {
                    return exchange.fail(Problem(.infiniteDepth))
                }
                if !exchange.isGone { countMembers(members) }
            }
        }
    }

    private func stream() {
        DAVMembersSource(exchange, makeMembers(), self).start { [exchange] source in
            exchange.stream(.multiStatus, byteCount: nil, from: source) { head in
                head.field("Content-Type", DAVRoutes.xml)
                head.field("X-Content-Type-Options", "nosniff")
                head.field("Cache-Control", "no-cache")
            }
        }
    }

    // MARK: DAVMembersText

    func prepare(
        _ page: DAVMembers.Page, from index: Int,
        completion: @escaping (Result<[DAVFacts], Problem>) -> Void
    ) {
        let entries = page.entries[index...]
        let isPlain =
            locks.locks.isEmpty && !asksForLocksOfEach && !plan.asksForDeadProperties
        guard !isPlain else {
            return completion(.success(Array(repeating: DAVFacts(), count: entries.count)))
        }
        let prefix = page.collection.directoryPrefix
        var resources: [(path: StorePath, facts: FileFacts?)] = []
        // Properties that did not come with the listing may be long: one call's are in memory. And of
        // locks that are asked for one by one as many.
        var askedCount = 0
        for entry in entries where askedCount < IPCLimits.propertiesPathsMax {
            guard let path = try? StorePath(validating: prefix + entry.name) else {
                return completion(.failure(.unreadableListing))
            }
            let facts: FileFacts? = if case .file(_, let facts) = entry { facts } else { nil }
            resources.append((path, facts))
            let isDescribedElsewhere =
                plan.asksForDeadProperties && facts?.properties ?? .elsewhere == .elsewhere
            if isDescribedElsewhere || asksForLocksOfEach { askedCount += 1 }
        }
        properties(of: resources) { [self] result in
            switch result {
            case .failure(let problem): completion(.failure(problem))
            case .success(let properties):
                locks(of: resources.map(\.path)) { result in
                    completion(
                        result.map { locks in
                            zip(resources, properties).map { resource, properties in
                                DAVFacts(
                                    properties: properties, locks: locks.covering(resource.path))
                            }
                        })
                }
            }
        }
    }

    /// Among them are those that cover these members.
    private func locks(
        of paths: [StorePath], completion: @escaping (Result<LockRules, Problem>) -> Void
    ) {
        guard asksForLocksOfEach else { return completion(.success(locks)) }
        DAVState.locks(covering: Set(paths), in: request.tree, link) { result in
            completion(result.map { LockRules(locks: $0, now: DAVClock.now()) })
        }
    }

    func begin() {
        writer.begin()
        if let own { writer.response(own, plan) }
    }

    func write(_ entry: ListResponse.Entry, in page: DAVMembers.Page, _ facts: DAVFacts) {
        var resource = DAVResource(entry, of: page.href, facts)
        if resource.isCollection, let quota {
            // One whose path is too long has nothing in it.
            let path = try? page.collection.appending(entry.name)
            resource.quota = path.map(quota.room)
        }
        writer.response(resource, plan)
    }

    func end() { writer.end() }

    var byteCount: Int { writer.bytes.count }

    func take() -> [UInt8] { writer.take() }
}

extension DAVResource {
    fileprivate init(_ request: DAVRequest, _ found: DAVFound, _ facts: DAVFacts) {
        let isCollection = found.presence == .collection
        self.init(
            href: request.href(isCollection), name: [UInt8](request.path.name),
            isCollection: isCollection, properties: facts.properties, locks: facts.locks)
        if let file = found.facts { describe(file) } else { changed(found.changed) }
    }

    /// - Parameter href: of the collection that it is in.
    fileprivate init(_ entry: ListResponse.Entry, of href: [UInt8], _ facts: DAVFacts) {
        switch entry {
        case .file(let name, let file):
            self.init(
                href: Href.member(name, of: href, isCollection: false), name: name,
                isCollection: false, properties: facts.properties, locks: facts.locks)
            describe(file)
        case .directory(let name, let modified):
            self.init(
                href: Href.member(name, of: href, isCollection: true), name: name,
                isCollection: true, properties: facts.properties, locks: facts.locks)
            changed(modified)
        }
    }

    private mutating func describe(_ file: FileFacts) {
        byteCount = file.byteCount
        entityTag = EntityTag.short(file.digest)
        contentType = file.contentType
        created = file.created
        modified = file.modified
    }

    /// A collection that is there only by what is in it may have no time of its own.
    private mutating func changed(_ time: Timestamp?) {
        modified = time.flatMap { $0.nanoseconds == 0 ? nil : $0 }
        created = modified
    }
}

extension Problem {
    fileprivate static var unreadableListing: Problem {
        Problem(.internalError, "internal", "The store's answer made no sense.")
    }
}
