internal import IPC
internal import Model
internal import WebDAV

// A part of a file: PATCH, and PUT with Content-Range.
extension DAVWrite {
    /// The new content is made of the present one and the body, and stored as any other; that it is still
    /// made of the present one the store sees to when it takes it.
    func write(_ part: FilePart, of description: PutDescription) {
        let limit = exchange.context.settings.bodyByteCountMax
        guard part.byteCount <= limit else {
            return exchange.fail(
                Problem(
                    .contentTooLarge, "too_large",
                    "The file would be larger than \(limit) bytes.",
                    hint: "The node's setting max_body_bytes allows more."))
        }
        guard let digest = part.digest else {
            var description = description
            description.conditions.ifNoneMatch = .any
            return store(part, in: nil, description)
        }
        link.call(.lookup(LookupRequest(path: request.path, .content))) { [self] reply in
            guard !exchange.isGone else { return }
            switch reply {
            case .found(let response, let box):
                guard let file = FoundFile(response, box), file.facts.digest == digest else {
                    return exchange.fail(changed)
                }
                var description = description
                description.conditions.ifMatch = .digests([digest])
                // What a part is of says nothing of the whole.
                description.contentType = file.facts.contentType
                store(part, in: file, description)
            case .failed(let error) where error.code == .notFound: exchange.fail(changed)
            default: fail(reply)
            }
        }
    }

    private func store(_ part: FilePart, in file: FoundFile?, _ description: PutDescription) {
        let feed = PartFeed(exchange, part, expectedDigest: description.expectedDigest)
        var whole = description
        whole.expectedDigest = nil
        feed.open(file, at: request.path) { [self] problem in
            if let problem { return exchange.fail(problem) }
            store(whole, feed: feed) { [self] reply in
                guard case .failed(let error) = reply,
                    error.code == .preconditionFailed || error.code == .preconditionFailedInReach
                else { return fail(reply) }
                var problem = changed
                problem.isDecidedInReach = error.code == .preconditionFailedInReach
                exchange.fail(problem)
            }
        }
    }

    /// Another write came between. The body is gone, so that it cannot be done anew here. 412 is for
    /// those who said what has to be there (RFC 9110 section 15.5.13), 409 for all others.
    private var changed: Problem {
        let isDemanded = request.conditions != .none || request.ifHeader != nil
        return Problem(
            isDemanded ? .preconditionFailed : .conflict, "changed",
            "The file was changed while the part was on its way.",
            hint: "Nothing of the part was written. Look at the file, and send it again.")
    }
}
