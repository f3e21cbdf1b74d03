internal import IPC
internal import Model
internal import Posix

/// The answer to GET and HEAD of a path, by what the store found there.
struct FoundAnswer {
    let exchange: Exchange
    let path: StorePath
    var isAttachment = false
    /// Whether the client asked over WebDAV.
    var isDAV = false

    /// - Parameter directory: answers where the path is a directory, which changed at that time.
    func send(_ reply: StoreReply, directory: (Timestamp) -> Void) {
        guard !exchange.isGone else { return }
        guard case .found(let response, let box) = reply else {
            return exchange.fail(StoreFailure.problem(reply))
        }
        switch response {
        case .directory(let modified), .heldDirectory(let modified, _): directory(modified)
        case .file(let facts), .heldFile(let facts, _): answer(facts, .none)
        case .inline(let facts, let content): answer(facts, .inline(content))
        case .descriptor(let facts): answer(facts, box, base: 0, reply)
        case .region(let facts, let offset): answer(facts, box, base: offset, reply)
        case .windows(let facts, let object): answer(facts, .windows(object))
        case .remote(let facts, let object, let nodes): answer(facts, .remote(object, nodes))
        }
    }

    private func answer(
        _ facts: FileFacts, _ box: DescriptorBox?, base: UInt64, _ reply: StoreReply
    ) {
        guard let descriptor = box?.take() else {
            return exchange.fail(StoreFailure.problem(reply))
        }
        answer(facts, .file(SharedDescriptor(descriptor), base: base))
    }

    private func answer(_ facts: FileFacts, _ content: FileAnswer.Content) {
        FileAnswer(
            exchange: exchange, path: path, facts: facts, content: content,
            isAttachment: isAttachment, isDAV: isDAV
        ).send()
    }
}
