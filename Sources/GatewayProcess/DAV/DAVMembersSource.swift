internal import IPC
internal import Model
internal import NIOCore
internal import WebDAV

/// An answer's body that has a part for each member of a collection.
protocol DAVMembersText: AnyObject {
    /// Finds out what members of a page need besides what the listing says of them: from `index` on as
    /// many as may be in memory at once, at least one.
    func prepare(
        _ page: DAVMembers.Page, from index: Int,
        completion: @escaping (Result<[DAVFacts], Problem>) -> Void)
    /// Writes what goes before the first.
    func begin()
    func write(_ entry: ListResponse.Entry, in page: DAVMembers.Page, _ facts: DAVFacts)
    func end()
    /// Bytes that were written and not taken.
    var byteCount: Int { get }
    func take() -> [UInt8]
}

/// Gives the members out while the client takes them: a page of the store is in memory, what else has to be
/// known of some of its members, and the text of a part of it. Nothing is asked for a client that is gone.
final class DAVMembersSource: BodySource {
    private let exchange: Exchange
    private let members: DAVMembers
    private let text: any DAVMembersText
    private var page: DAVMembers.Page?
    /// Of the page's members from `factsStart` on.
    private var facts: [DAVFacts] = []
    private var factsStart = 0
    /// The member that is written next.
    private var index = 0
    private var isAsking = false
    private var hasBegun = false
    private var isAtEnd = false
    private var hasEnded = false
    private var hasFailed = false

    init(_ exchange: Exchange, _ members: DAVMembers, _ text: any DAVMembersText) {
        self.exchange = exchange
        self.members = members
        self.text = text
    }

    /// Asks for the first page, which decides whether there is an answer at all.
    func start(_ send: @escaping (DAVMembersSource) -> Void) {
        ask { [self] problem in
            if let problem { return exchange.fail(problem) }
            send(self)
        }
    }

    private func ask(_ completion: @escaping (Problem?) -> Void) {
        isAsking = true
        if let page, index < page.entries.count { return prepare(page, completion) }
        members.next { [self] result in
            guard !exchange.isGone else { return }
            switch result {
            case .failure(let problem): asked(problem, completion)
            case .success(nil):
                isAtEnd = true
                asked(nil, completion)
            case .success(let page?):
                index = 0
                self.page = page
                prepare(page, completion)
            }
        }
    }

    private func prepare(_ page: DAVMembers.Page, _ completion: @escaping (Problem?) -> Void) {
        (facts, factsStart) = ([], index)
        guard index < page.entries.count else { return asked(nil, completion) }
        text.prepare(page, from: index) { [self] result in
            guard !exchange.isGone else { return }
            switch result {
            case .failure(let problem): asked(problem, completion)
            case .success(let facts):
                self.facts = facts
                asked(nil, completion)
            }
        }
    }

    private func asked(_ problem: Problem?, _ completion: (Problem?) -> Void) {
        isAsking = false
        if problem != nil { hasFailed = true }
        completion(problem)
    }

    func next() -> BodyPart {
        if !hasBegun {
            hasBegun = true
            text.begin()
            return .bytes(ByteBuffer(bytes: text.take()))
        }
        while true {
            if hasFailed { return .failed }
            if hasEnded { return .end }
            if let bytes = part() { return .bytes(ByteBuffer(bytes: bytes)) }
            if isAtEnd {
                hasEnded = true
                text.end()
                return .bytes(ByteBuffer(bytes: text.take()))
            }
            if isAsking { return .wait }
            var isInPlace = true
            ask { [exchange] _ in if !isInPlace { exchange.resumeSource() } }
            isInPlace = false
        }
    }

    /// The text of the next members that were prepared; nil where there are no more.
    private func part() -> [UInt8]? {
        let end = factsStart + facts.count
        guard let page, index < end else { return nil }
        while index < end, text.byteCount < GatewayLimits.membersByteCount {
            text.write(page.entries[index], in: page, facts[index - factsStart])
            index += 1
        }
        return text.take()
    }

    func closed() {}
}
