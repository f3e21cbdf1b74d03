internal import IPC
internal import Model
internal import NIOCore
internal import Posix

/// Opens a file's content, wherever it is.
struct ContentOpening {
    /// Who takes the bytes.
    enum Taker {
        /// The kernel can copy regions of files to it.
        case socket
        /// It wants them in memory.
        case memory
    }

    let context: LoopContext
    let path: StorePath
    let file: FoundFile
    let taker: Taker
    /// Called when the source has something again.
    let resume: () -> Void

    private var facts: FileFacts { file.facts }

    /// The whole content, verified on its way: its source ends well only where it is what was stored.
    func openWhole(_ then: @escaping (Result<any BodySource, Problem>) -> Void) {
        var segments: [FileSource.Segment] = []
        switch file.content {
        case .inline(let bytes): segments = [.bytes(ByteBuffer(bytes: bytes))]
        case .none: return then(.failure(StoreFailure.nonsense))
        case .file, .windows, .remote:
            if facts.byteCount > 0 { segments = [.file(0..<facts.byteCount)] }
        }
        open(segments) { result in then(result.map { verified($0) }) }
    }

    /// These parts of it; of content that lies in memory the bytes among them alone.
    ///
    /// - Parameter then: called once, at once where nobody has to be asked.
    func open(
        _ segments: [FileSource.Segment],
        _ then: @escaping (Result<any BodySource, Problem>) -> Void
    ) {
        switch file.content {
        case .none, .inline: then(.success(BytesSource(segments)))
        case .file(let descriptor, let base):
            then(.success(source(of: descriptor, base: base, segments)))
        case .windows(let object):
            let source = WindowSource(
                object, segments: segments, link: context.link, loop: context.eventLoop,
                suspected: { [path, digest = facts.digest, link = context.link] in
                    link.suspect(path, digest)
                },
                resume: resume)
            source.open { error in
                guard let error else { return then(.success(source)) }
                source.closed()
                then(.failure(Problem(error)))
            }
        case .remote(let object, let nodes):
            guard let dialer = context.dialer, !nodes.isEmpty else {
                return then(.failure(.contentOutOfReach))
            }
            let source = RemoteSource(
                object, at: nodes, segments: segments, dialer: dialer, loop: context.eventLoop,
                resume: resume)
            source.open { isOpen in
                if isOpen { return then(.success(source)) }
                source.closed()
                then(.failure(.contentOutOfReach))
            }
        }
    }

    private func source(
        of descriptor: SharedDescriptor, base: UInt64, _ segments: [FileSource.Segment]
    ) -> any BodySource {
        if case .memory = taker, case .file(let range)? = segments.first, segments.count == 1 {
            return FilePieces(
                descriptor, base + range.lowerBound..<base + range.upperBound,
                background: context.background, resume: resume)
        }
        return FileSource(
            descriptor, base: base, segments: segments, loop: context.eventLoop,
            background: context.background, resume: resume)
    }

    /// A source of the whole content, whose digest is taken on the way.
    func verified(_ source: any BodySource) -> any BodySource {
        var descriptor: SharedDescriptor?
        var key: VerifiedFiles.Key?
        if case .file(let shared, let base) = file.content {
            descriptor = shared
            // Without a status it is verified each time.
            key = (try? FileIO.status(of: shared.descriptor)).map {
                VerifiedFiles.Key(
                    status: $0, base: base, byteCount: facts.byteCount, digest: facts.digest)
            }
            // What is read into memory becomes another content, with a digest of its own: a byte that
            // is wrong by now would be right for ever.
            if case .socket = taker, let key,
                context.verified.contains(key, now: context.eventLoop.now)
            {
                return source
            }
        }
        let (path, digest, context) = (path, facts.digest, context)
        return VerifiedSource(
            source, of: descriptor, expected: digest, background: context.background,
            unverified: context.unverified, resume: resume
        ) { isGood in
            if isGood {
                if let key { context.verified.insert(key, now: context.eventLoop.now) }
                return
            }
            Log.write(
                .error, "a content is given to nobody: it is not what was stored",
                ["path": "\(path)"])
            context.link.suspect(path, digest)
        }
    }
}

extension Problem {
    static var contentOutOfReach: Problem {
        Problem(
            .unavailable, "unavailable", "No node that has the file's content answers.",
            hint: "Start the nodes that hold it, or try again.")
    }
}
