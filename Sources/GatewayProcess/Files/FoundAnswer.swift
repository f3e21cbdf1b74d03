internal import IPC
internal import Model

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
        case .file, .heldFile, .inline, .descriptor, .region, .windows, .remote:
            guard let file = FoundFile(response, box) else {
                return exchange.fail(StoreFailure.problem(reply))
            }
            FileAnswer(
                exchange: exchange, path: path, file: file, isAttachment: isAttachment,
                isDAV: isDAV
            ).send()
        }
    }
}
