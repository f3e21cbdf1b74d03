internal import Cluster
internal import IPC
internal import Loop
internal import Model
internal import Replication

/// A recursive deletion under way: from the leaves up, so that at each moment what is left can be
/// listed. It removes what it finds; what is written below meanwhile may stay, and with it the
/// directories above it, which is no success. Sent again after a death it removes what is left.
struct TreeRemoval {
    struct Level {
        let path: StorePath
        /// Directories in it that were removed. Their names leave its listing a moment later.
        var emptied: Set<StorePath> = []
        /// How often it was listed again though it should have been empty.
        var relistings = 0
    }

    /// Directories from the top to the one that is being emptied.
    var stack: [Level]
    let request: DeleteRequest
    /// Names of the page that are being removed.
    var open = 0
    var hasFailed: RemoteError?
    /// Whether something of the page was there.
    var hasProgress = false
    /// The last deletion.
    var last: WriteResponse?
    /// On the clock of its owner.
    let began: Duration

    init(_ request: DeleteRequest, now: Duration) {
        self.request = request
        began = now
        stack = [Level(path: request.path)]
    }

    /// Whether a directory that was emptied and is not empty is listed once more. Else somebody goes on
    /// writing there: it stays, and with it those above it, so that the deletion has failed.
    var mayRelist: Bool {
        stack.last.map { $0.relistings < StoreLimits.deletionRelistingsMax } ?? false
    }

    /// The operation by which a path below goes: the same whenever the request is sent again.
    func operation(for path: StorePath) -> OperationID {
        if path == request.path { return request.operation }
        let name = Fingerprint(of: path.bytes, seed: request.operation.bits.low)
        let bits = request.operation.bits
        // The first 48 bits are the time.
        return OperationID(
            bits: Bits128(
                high: bits.high & ~0xFFFF | name.high & 0xFFFF, low: name.low))
    }
}

extension Store {
    func delete(_ request: DeleteRequest, _ reply: @escaping Reply<WriteResponse>) {
        guard let done = counted(request.operation, reply) else { return }
        if request.directoryOnly { return checkDirectory(request, done) }
        condition(request.conditions, at: request.path) { condition in
            switch condition {
            case .failure(let error): done(.failure(error))
            case .success(let condition):
                let file = ClientRequest.delete(request.path, condition, request.operation)
                self.askToWrite(file, showing: request.conditions.tokens) { answer in
                    self.fileDeleted(request, answer, isConditional: condition != .none, done)
                }
            }
        }
    }

    private func fileDeleted(
        _ request: DeleteRequest, _ answer: ClientAnswer, isConditional: Bool,
        _ done: @escaping Reply<WriteResponse>
    ) {
        switch answer {
        case .written:
            done(deleted(answer, at: request.path, isConditional: isConditional))
        // A directory has no content that a condition could be met by.
        case .notFound, .isDirectory, .conditionFailed: deleteDirectory(request, answer, done)
        default: done(.failure(failure(answer, at: request.path)))
        }
    }

    /// The client wrote a slash at the end: no file is meant.
    private func checkDirectory(
        _ request: DeleteRequest, _ done: @escaping Reply<WriteResponse>
    ) {
        askCluster(.get(request.path, .checked)) { answer in
            guard case .file = answer else {
                return self.deleteDirectory(request, .notFound, done)
            }
            done(.failure(RemoteError(.notDirectory, "\(request.path) is a file")))

        }
    }

    /// - Parameter answer: what was said of a file at the path.
    private func deleteDirectory(
        _ request: DeleteRequest, _ answer: ClientAnswer, _ done: @escaping Reply<WriteResponse>
    ) {
        let path = request.path
        askCluster(.list(path, after: nil, limit: 1)) { listing in
            guard case .listing = listing else {
                // One that was known a moment ago is gone now.
                let said = if case .isDirectory = answer { listing } else { answer }
                return done(.failure(self.failure(said, at: path)))
            }
            guard request.conditions.hold(digest: nil, modified: nil) else {
                return done(.failure(.anotherFile))
            }
            let tokens = request.conditions.tokens
            if request.recursive {
                return self.unlocked([path], tokens) { error in
                    if let error { return done(.failure(error)) }
                    self.remove(TreeRemoval(request, now: self.loop.now), done)
                }
            }
            guard !path.isRoot else {
                return done(.failure(RemoteError(.invalid, "the root always exists")))
            }
            let remove = ClientRequest.removeDirectory(path, request.operation)
            self.askToWrite(remove, showing: tokens) { answer in
                let result = self.deleted(answer, at: path)
                guard case .success = result else { return done(result) }
                self.whenListed(path, false) { done(result) }
            }

        }
    }

    private func deleted(
        _ answer: ClientAnswer, at path: StorePath, isConditional: Bool = false
    ) -> Result<WriteResponse, RemoteError> {
        writeResult(answer, at: path, isConditional: isConditional).map { response in
            var response = response
            response.outcome = .deleted
            return response
        }
    }

    // MARK: Trees

    private func remove(_ removal: TreeRemoval, _ done: @escaping Reply<WriteResponse>) {
        nextRemoval += 1
        removals[nextRemoval] = (removal, done)
        step(nextRemoval)
    }

    private func step(_ id: UInt64) {
        guard let removal = removals[id]?.removal, let directory = removal.stack.last?.path else {
            return
        }
        guard loop.now - removal.began < StoreLimits.deletionTimeMax else {
            return endRemoval(id, .filledAgain(directory), at: directory)
        }
        let request = ClientRequest.list(
            directory, after: nil, limit: StoreLimits.deletionPageCount)
        askCluster(request) { answer in
            switch answer {
            case .listing(let entries, _) where !entries.isEmpty:
                self.remove(entries, of: directory, id)
            case .listing, .notFound: self.removeEmpty(directory, id)
            default: self.endRemoval(id, self.failure(answer, at: directory), at: directory)
            }

        }
    }

    private func remove(_ entries: [ListedEntry], of directory: StorePath, _ id: UInt64) {
        var directories: [StorePath] = []
        var files: [StorePath] = []
        for entry in entries {
            guard let path = try? directory.appending(entry.name) else { continue }
            if entry.isDirectory { directories.append(path) } else { files.append(path) }
        }
        if files.isEmpty { return enter(directories, id) }
        removals[id]?.removal.open = files.count
        removals[id]?.removal.hasProgress = false
        for file in files {
            guard let removal = removals[id]?.removal else { return }
            let delete = ClientRequest.delete(file, .none, removal.operation(for: file))
            askToWrite(delete, showing: removal.request.conditions.tokens, isPart: true) { answer in
                self.removed(file, answer, id)
            }
        }
    }

    /// Goes on in the first of the directories that was not emptied yet.
    private func enter(_ directories: [StorePath], _ id: UInt64) {
        guard let last = removals[id]?.removal.stack.indices.last else { return }
        // Those whose names are gone are forgotten.
        removals[id]?.removal.stack[last].emptied.formIntersection(directories)
        let emptied = removals[id]?.removal.stack[last].emptied ?? []
        if let next = directories.first(where: { !emptied.contains($0) }) {
            removals[id]?.removal.stack.append(TreeRemoval.Level(path: next))
            return step(id)
        }
        guard !directories.isEmpty else {
            return endRemoval(id, RemoteError(.internalError, "a name that is none"))
        }
        // Whether they are there again or their names still: the directory is not empty.
        relist(id)
    }

    /// The names of directories that were emptied go a moment later; or somebody wrote there meanwhile.
    private func relist(_ id: UInt64) {
        guard var removal = removals[id]?.removal else { return }
        let mayRelist = removal.mayRelist
        guard let level = removal.stack.popLast() else { return }
        guard mayRelist else { return endRemoval(id, .filledAgain(level.path), at: level.path) }
        let again = TreeRemoval.Level(path: level.path, relistings: level.relistings + 1)
        removal.stack.append(again)
        removals[id]?.removal = removal
        do {
            _ = try loop.schedule(after: StoreLimits.relistingDelay * again.relistings) {
                [weak self] in self?.assumeIsolated { $0.step(id) }
            }
        } catch {
            Log.error("no timer for a tree", ["error": "\(error)"])
            endRemoval(id, .broken)
        }
    }

    private func removed(_ path: StorePath, _ answer: ClientAnswer, _ id: UInt64) {
        guard var removal = removals[id]?.removal else { return }
        switch answer {
        case .written, .notFound, .isDirectory:
            if case .success(let response) = deleted(answer, at: path) {
                removal.last = response
                removal.hasProgress = true
            }
        default:
            removal.hasFailed =
                removal.hasFailed ?? failure(answer, at: path).of(path, in: removal.request.path)
        }
        removal.open -= 1
        removals[id]?.removal = removal
        guard removal.open == 0 else { return }
        if let error = removal.hasFailed { return endRemoval(id, error) }
        // What is listed and is not there leaves the listing a moment later.
        if removal.hasProgress { step(id) } else { relist(id) }
    }

    private func removeEmpty(_ directory: StorePath, _ id: UInt64) {
        guard let removal = removals[id]?.removal else { return }
        if directory.isRoot { return removedEmpty(directory, .done, id) }
        let operation = removal.operation(for: directory)
        let remove = ClientRequest.removeDirectory(directory, operation)
        askToWrite(remove, showing: removal.request.conditions.tokens, isPart: true) { answer in
            self.removedEmpty(directory, answer, id)
        }
    }

    private func removedEmpty(_ directory: StorePath, _ answer: ClientAnswer, _ id: UInt64) {
        switch answer {
        case .written:
            if case .success(let response) = deleted(answer, at: directory) {
                removals[id]?.removal.last = response
            }
        // It was there by what was in it alone, or others were faster.
        case .notFound, .done: break
        case .directoryNotEmpty: return relist(id)
        default: return endRemoval(id, failure(answer, at: directory), at: directory)
        }
        removals[id]?.removal.stack.removeLast()
        guard let above = removals[id]?.removal.stack.indices.last else {
            return endRemoval(id, nil)
        }
        removals[id]?.removal.stack[above].emptied.insert(directory)
        if case .written = answer { removals[id]?.removal.stack[above].relistings = 0 }
        step(id)
    }

    /// - Parameter path: what the error is about, where that is a member.
    private func endRemoval(_ id: UInt64, _ error: RemoteError?, at path: StorePath? = nil) {
        guard let (removal, done) = removals.removeValue(forKey: id) else { return }
        if let error { return done(.failure(error.of(path, in: removal.request.path))) }
        // A tree in which there was nothing but names of directories.
        let zero = Dot(disk: cluster.node.diskID, sequence: 0)
        let response =
            removal.last ?? WriteResponse(outcome: .deleted, dot: zero, time: .zero, copies: 1)
        whenListed(removal.request.path, false) { done(.success(response)) }
    }
}

extension RemoteError {
    /// The same error, which says of which member of a tree it is.
    func of(_ path: StorePath?, in tree: StorePath) -> RemoteError {
        guard let path, path != tree, paths.isEmpty else { return self }
        var error = self
        error.paths = [path]
        return error
    }

    static func filledAgain(_ directory: StorePath) -> RemoteError {
        RemoteError(
            .directoryNotEmpty, "somebody writes to \(directory) meanwhile",
            hint: "what was found until then is done; try again")
    }
}
