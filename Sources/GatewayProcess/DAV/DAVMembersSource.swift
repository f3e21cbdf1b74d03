internal import IPC
internal import Model
internal import NIOCore
internal import WebDAV

/// An answer's body that has a part for each member of a collection.
protocol DAVMembersText: AnyObject {
    /// Finds out what a page needs besides what the listing says of it.
    func prepare(
        _ page: DAVMembers.Page, completion: @escaping (Result<[DAVFacts], Problem>) -> Void)
    /// Writes what goes before the first.
    func begin()
    func write(_ entry: ListResponse.Entry, in page: DAVMembers.Page, _ facts: DAVFacts)
    func end()
    /// Bytes that were written and not taken.
    var byteCount: Int { get }
    func take() -> [UInt8]
}

/// Gives the members out while the client takes them: a page of the store is in memory, and the text of a
/// part of it.
final class DAVMembersSource: BodySource {
    private let exchange: Exchange
    private let members: DAVMembers
    private let text: any DAVMembersText
    private var page: (page: DAVMembers.Page, facts: [DAVFacts], index: Int)?
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
        members.next { [self] result in
            switch result {
            case .failure(let problem): asked(problem, completion)
            case .success(nil):
                isAtEnd = true
                asked(nil, completion)
            case .success(let page?):
                text.prepare(page) { [self] result in
                    switch result {
                    case .failure(let problem): asked(problem, completion)
                    case .success(let facts):
                        self.page = (page, facts, 0)
                        asked(nil, completion)
                    }
                }
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

    /// The text of the page's next members; nil where it has no more.
    private func part() -> [UInt8]? {
        guard let (page, facts, index) = page, index < page.entries.count else {
            page = nil
            return nil
        }
        var end = index
        while end < page.entries.count, text.byteCount < GatewayLimits.membersByteCount {
            text.write(page.entries[end], in: page, facts[end])
            end += 1
        }
        self.page?.index = end
        return text.take()
    }

    func closed() {}
}
