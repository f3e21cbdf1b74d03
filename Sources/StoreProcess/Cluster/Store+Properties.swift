internal import Cluster
internal import IPC
internal import Loop
internal import Model
internal import Replication

// Dead properties: part of what is known of a file, or of the mark of a directory.
extension Store {
    func properties(_ request: PropertiesRequest, _ reply: @escaping Reply<PropertiesResponse>) {
        let reply = counted(reply)
        let gathered = Gathered(count: request.paths.count)
        guard !request.paths.isEmpty else {
            return reply(.success(PropertiesResponse(properties: [])))
        }
        for (index, path) in request.paths.enumerated() {
            // Files' come with their facts, so directories are what is asked for.
            findDirectory(path, orFile: true) { result in
                switch result {
                case .success(let found): gathered.properties[index] = found?.value.properties ?? []
                case .failure(let error): gathered.error = error
                }
                gathered.open -= 1
                guard gathered.open == 0 else { return }
                if let error = gathered.error { return reply(.failure(error)) }
                reply(.success(PropertiesResponse(properties: gathered.properties)))
            }
        }
    }

    func setProperties(_ request: SetPropertiesRequest, _ reply: @escaping Reply<WriteResponse>) {
        guard let done = counted(request.operation, reply) else { return }
        // Those bytes mean something else (`FileFacts.propertiesAsBefore`).
        guard request.properties != Replication.FileFacts.propertiesAsBefore else {
            return done(.failure(RemoteError(.invalid, "these are no properties")))
        }
        describe(request, attempt: 1, done)
    }

    /// The version that is described has to be the newest still; where another one took its place, with the
    /// same properties, it is made again from that.
    private func describe(
        _ request: SetPropertiesRequest, attempt: Int, _ done: @escaping Reply<WriteResponse>
    ) {
        let path = request.path
        findDescribed(path) { result in
            let found: Described
            switch result {
            case .failure(let error): return done(.failure(error))
            case .success(nil):
                return done(.failure(RemoteError(.notFound, "nothing is at \(path)")))
            case .success(let described?): found = described
            }
            // What was done before is told by its operation.
            let isDone = found.operation == request.operation
            let facts = found.value.facts
            guard isDone || found.value.properties == request.seen,
                request.conditions.hold(digest: facts?.digest, modified: facts?.modified)
            else { return done(.failure(.anotherFile)) }
            let value =
                facts.map { RegisterValue.file($0.described(by: request.properties)) }
                ?? .mark(properties: request.properties)
            let write = ClientRequest.describe(
                path, value, when: found.version.map { .version($0) } ?? .absent,
                request.operation)
            self.askToWrite(write, showing: request.conditions.tokens) { answer in
                if case .conditionFailed = answer, attempt < StoreLimits.describingAttemptsMax {
                    return self.describe(request, attempt: attempt + 1, done)
                }
                done(self.writeResult(answer, at: path))
            }
        }
    }

    /// - Returns: nil where nothing is at the path.
    private func findDescribed(
        _ path: StorePath, _ then: @escaping (Result<Described?, RemoteError>) -> Void
    ) {
        askCluster(.get(path, .checked)) { answer in
            switch answer {
            case .file(let record): then(.success(Described(record)))
            case .notFound, .isDirectory: self.findDirectory(path, orFile: false, then)
            default: then(.failure(self.failure(answer, at: path)))
            }
        }
    }

    private func findDirectory(
        _ path: StorePath, orFile: Bool,
        _ then: @escaping (Result<Described?, RemoteError>) -> Void
    ) {
        findMark(path) { answer in
            guard case .mark(let mark) = answer else {
                return then(.failure(self.failure(answer, at: path)))
            }
            if let mark, mark.value.isMark { return then(.success(Described(mark))) }
            if orFile { return self.findDescribed(path, then) }
            // One that is there by what is in it alone.
            self.listNames(path, after: nil, limit: 1) { answer in
                switch answer {
                case .listing: then(.success(.unmarked))
                case .notFound: then(.success(nil))
                default: then(.failure(self.failure(answer, at: path)))
                }
            }
        }
    }
}

extension Store {
    /// Asks the brain for a directory's mark, or the own disk where it is all there is and has nothing open.
    private func findMark(_ path: StorePath, _ answer: @escaping (ClientAnswer) -> Void) {
        guard readsHere else { return askCluster(.mark(path), answer) }
        askDisk(.storage(.replica(.read(.mark(path))), at: loop.now)) { found in
            guard case .success(.storage(.replica(let outcome))) = found,
                case .register(let register, _, _) = outcome.reply,
                register.prepared.isEmpty, register.ballot == nil
            else { return self.askCluster(.mark(path), answer) }
            answer(.mark(register.head))
        }
    }
}

/// What properties are of.
private struct Described {
    /// The file's facts, or the directory's mark.
    var value: RegisterValue
    /// Nil of a directory without a mark.
    var version: Dot?
    var operation: OperationID?

    static let unmarked = Described(value: .mark, version: nil, operation: nil)
}

extension Described {
    fileprivate init(_ mark: RegisterVersion) {
        self.init(value: mark.value, version: mark.dot, operation: mark.operation)
    }

    fileprivate init(_ record: FileRecord) {
        var facts = Replication.FileFacts(
            byteCount: record.byteCount, digest: record.digest, contentType: record.contentType,
            created: record.created, modified: record.modified, object: record.object,
            home: record.home)
        // A file's own record has them all.
        if case .bytes(let bytes) = record.properties { facts.properties = bytes }
        self.init(
            value: .file(facts), version: record.version.dot, operation: record.operation)
    }
}

/// Answers that come one by one. Belongs to the store's thread.
private final class Gathered {
    var properties: [[UInt8]]
    var open: Int
    var error: RemoteError?

    init(count: Int) {
        properties = [[UInt8]](repeating: [], count: count)
        open = count
    }
}
