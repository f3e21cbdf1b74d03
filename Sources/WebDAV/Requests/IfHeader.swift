package import Model

/// An If header: conditions on the state of resources, and the tokens that a client knows (RFC 4918
/// section 10.4).
package struct IfHeader: Hashable, Sendable {
    package enum Condition: Hashable, Sendable {
        /// A lock with the token covers the resource. Nil: a URI that none of our locks is called,
        /// such as `DAV:no-lock`.
        case token(StateToken?)
        /// The resource's entity tag; the quoted part of it, quotes included.
        case entityTag([UInt8])
    }

    /// A condition that is to hold, or not to hold.
    package struct Clause: Hashable, Sendable {
        package var condition: Condition
        package var isNegated: Bool
    }

    /// What a list is about.
    package enum Subject: Hashable, Sendable {
        /// The resource of the request.
        case request
        case path(StorePath)
        /// On another server: nothing is known of its state.
        case elsewhere
    }

    /// Holds where each of its clauses does.
    package struct List: Hashable, Sendable {
        package var subject: Subject
        package var clauses: [Clause]
    }

    /// The header holds where one of them does.
    package var lists: [List]

    /// - Parameters:
    ///   - field: the header's value.
    ///   - tree: where the resources lie that it names.
    package init(field: ArraySlice<UInt8>, in tree: ServedTree) throws(DAVFault) {
        var parser = IfHeaderParser(rest: field, tree: tree)
        lists = try parser.lists()
    }

    /// All tokens that it has, those of lists that do not hold and negated ones included: to name
    /// one is to know of it, which is what a write under a lock needs (section 10.4.1).
    package var tokens: Set<StateToken> {
        var result: Set<StateToken> = []
        for list in lists {
            for case .token(let token?) in list.clauses.map(\.condition) { result.insert(token) }
        }
        return result
    }

    /// The resources whose state `holds` asks for.
    ///
    /// - Parameter path: the request's.
    package func resources(of path: StorePath) -> Set<StorePath> {
        var result: Set<StorePath> = []
        for list in lists {
            switch list.subject {
            case .request: result.insert(path)
            case .path(let other): result.insert(other)
            case .elsewhere: break
            }
        }
        return result
    }

    /// What a condition is compared with.
    package struct State: Hashable, Sendable {
        /// With its quotes; nil where nothing is there, or a collection.
        package var entityTag: [UInt8]?
        /// Of all locks that cover the resource.
        package var tokens: Set<StateToken>

        package init(entityTag: [UInt8]?, tokens: Set<StateToken>) {
            self.entityTag = entityTag
            self.tokens = tokens
        }
    }

    /// Whether the request may be done; else it is answered 412.
    ///
    /// - Parameters:
    ///   - path: the request's.
    ///   - state: of a resource, of those that `resources` has.
    package func holds(of path: StorePath, _ state: (StorePath) -> State) -> Bool {
        lists.contains { $0.holds(of: path, state) }
    }

    /// Whether it holds by the entity tag of the request's own resource, so that the request may be done
    /// to what was looked at and to nothing that took its place: each list that holds has one.
    ///
    /// - Parameters: see `holds`.
    package func holdsByTag(of path: StorePath, _ state: (StorePath) -> State) -> Bool {
        let holding = lists.filter { $0.holds(of: path, state) }
        return !holding.isEmpty && holding.allSatisfy { $0.hasTag(of: path) }
    }
}

extension IfHeader.List {
    fileprivate func holds(
        of path: StorePath, _ state: (StorePath) -> IfHeader.State
    ) -> Bool {
        let facts: IfHeader.State? =
            switch subject {
            case .request: state(path)
            case .path(let other): state(other)
            case .elsewhere: nil
            }
        return clauses.allSatisfy { $0.holds(facts) }
    }

    fileprivate func hasTag(of path: StorePath) -> Bool {
        guard subject == .request || subject == .path(path) else { return false }
        return clauses.contains { clause in
            if case .entityTag = clause.condition { true } else { false }
        }
    }
}

extension IfHeader.Clause {
    func holds(_ state: IfHeader.State?) -> Bool {
        let isMet =
            switch condition {
            case .token(let token): token.map { state?.tokens.contains($0) ?? false } ?? false
            case .entityTag(let tag): state?.entityTag == tag
            }
        return isMet != isNegated
    }
}

/// Takes an If header apart, from left to right.
private struct IfHeaderParser {
    var rest: ArraySlice<UInt8>
    let tree: ServedTree
    private var clauseCount = 0

    init(rest: ArraySlice<UInt8>, tree: ServedTree) {
        self.rest = rest
        self.tree = tree
    }

    private func fault(_ what: String) -> DAVFault {
        DAVFault(.badRequest, "The If header \(what).")
    }

    private mutating func skipSpace() {
        rest = rest.drop { $0 == 0x20 || $0 == 0x09 }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard rest.first == byte else { return false }
        rest = rest.dropFirst()
        return true
    }

    /// The bytes up to `end`, which is taken too.
    private mutating func word(endingWith end: UInt8) throws(DAVFault) -> ArraySlice<UInt8> {
        guard let index = rest.firstIndex(of: end) else { throw fault("ends too early") }
        let word = rest[..<index]
        guard word.count <= WebDAVLimits.ifWordByteCountMax else {
            throw fault("has a word that is too long")
        }
        rest = rest[(index + 1)...]
        return word
    }

    /// Lists that are all about the request's resource, or resources each with lists behind it.
    mutating func lists() throws(DAVFault) -> [IfHeader.List] {
        var result: [IfHeader.List] = []
        var subject = IfHeader.Subject.request
        var needsList = false
        skipSpace()
        let isTagged = rest.first == 0x3C
        while !rest.isEmpty {
            if take(0x3C) {
                guard isTagged, !needsList else {
                    throw fault("has a resource where none can stand")
                }
                subject = try self.subject()
                needsList = true
            } else if take(0x28) {
                guard result.count < WebDAVLimits.ifListsMax else {
                    throw fault("has too many lists")
                }
                result.append(.init(subject: subject, clauses: try clauses()))
                needsList = false
            } else {
                throw fault("has a character that cannot stand there")
            }
            skipSpace()
        }
        guard !needsList, !result.isEmpty else { throw fault("has no list") }
        return result
    }

    /// Behind the angle bracket.
    private mutating func subject() throws(DAVFault) -> IfHeader.Subject {
        let reference = try word(endingWith: 0x3E)
        do throws(DAVFault) {
            return .path(try tree.address(ofReference: reference).path)
        } catch {
            guard error.status == .badGateway else { throw error }
            return .elsewhere
        }
    }

    /// Behind the parenthesis, up to the one that closes it: at least one.
    private mutating func clauses() throws(DAVFault) -> [IfHeader.Clause] {
        var result: [IfHeader.Clause] = []
        while true {
            skipSpace()
            if !result.isEmpty, take(0x29) { return result }
            clauseCount += 1
            guard clauseCount <= WebDAVLimits.ifConditionsMax else {
                throw fault("has too many conditions")
            }
            let isNegated = ASCII.equalIgnoringCase(rest.prefix(3), "Not")
            if isNegated {
                rest = rest.dropFirst(3)
                skipSpace()
            }
            result.append(.init(condition: try condition(), isNegated: isNegated))
        }
    }

    private mutating func condition() throws(DAVFault) -> IfHeader.Condition {
        if take(0x3C) {
            let uri = try word(endingWith: 0x3E)
            guard !uri.isEmpty else { throw fault("has an empty token") }
            return .token(StateToken(uri: uri))
        }
        guard take(0x5B) else { throw fault("has a character that cannot stand there") }
        // Compared weakly, as RFC 4918 section 10.4.4 allows: our tags name contents, and what
        // makes weak ones of them on the way does not change those.
        if rest.starts(with: [0x57, 0x2F]) { rest = rest.dropFirst(2) }
        guard take(0x22) else { throw fault("has an entity tag without quotes") }
        let tag = try word(endingWith: 0x22)
        guard take(0x5D) else { throw fault("has an entity tag that does not end") }
        return .entityTag([0x22] + tag + [0x22])
    }
}
