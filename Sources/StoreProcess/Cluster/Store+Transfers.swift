internal import Cluster
internal import IPC
internal import Loop
internal import Model
internal import Replication

// Contents that are stored already get another name, or an old one again.
extension Store {
    func transfer(_ request: TransferRequest, _ reply: @escaping Reply<WriteResponse>) {
        guard let done = counted(request.operation, reply) else { return }
        guard var transfer = TreeTransfer(request) else { return restore(request, done) }
        // Sent again, a tree finds what it made itself.
        transfer.isRepeat = cluster.node.mayBeRepeated(
            request.operation, wallMilliseconds: clusterNow.wallMilliseconds)
        if let refusal = transfer.refusal { return done(.failure(refusal)) }
        let condition = transfer.overwrites ? WriteCondition.none : .absent
        let (path, target) = (request.path, transfer.destination)
        guard !request.directoryOnly else { return beginTree(transfer, .notFound, done) }
        let shown = Shown(request.tokens)
        let file: ClientRequest =
            transfer.isMove
            ? .move(path, to: target, when: condition, request.operation)
            : .copy(path, to: target, when: condition, request.operation)
        let source = QuotaSource(path, isMoved: transfer.isMove)
        place(file, shown, source, at: target, request.operation) {
            switch $0 {
            case .failure(let refusal): done(.failure(refusal))
            // The source is a directory, or else the destination.
            case .success(let answer) where answer == .notFound || answer == .isDirectory:
                self.beginTree(transfer, answer, done)
            // Or the tokens are of locks in it.
            case .success(.conditionFailed(let exact)) where !request.tokens.isEmpty:
                self.beginTree(transfer, .conditionFailed(exact: exact), done)
            case .success(let answer):
                done(
                    self.writeResult(answer, at: target, isConditional: condition != .none))
            }
        }
    }

    /// Asks the brain to give a content another path, where quotas have room for it there.
    private func place(
        _ request: ClientRequest, _ shown: Shown, _ source: QuotaSource, at target: StorePath,
        _ operation: OperationID, _ done: @escaping (Result<ClientAnswer, RemoteError>) -> Void
    ) {
        func ask() {
            bring(fileAt: source.path, byteCount: source.byteCount, to: target) {
                self.askToWrite(request, showing: shown.tokens, isPart: shown.isPart) { answer in
                    self.quotaEnded(operation)
                    done(.success(answer))
                }
            }
        }
        func write(_ byteCount: UInt64) -> QuotaBook.Write {
            QuotaBook.Write(
                to: target, byteCount: byteCount, operation,
                from: source.isMoved ? source.path : nil)
        }
        func admit(_ byteCount: UInt64) {
            self.admit(write(byteCount)) { refusal in
                if let refusal { done(.failure(refusal)) } else { ask() }
            }
        }
        guard cluster.quotas.book.concerns(write(source.byteCount ?? 1)) else { return ask() }
        if let byteCount = source.byteCount { return admit(byteCount) }
        askCluster(.get(source.path, .checked)) { answer in
            // Anything else the request itself is answered.
            guard case .file(let record) = answer else { return ask() }
            admit(record.byteCount)
        }
    }

    private func restore(
        _ request: TransferRequest, _ done: @escaping Reply<WriteResponse>
    ) {
        guard case .restore(let dot) = request.kind else { return done(.failure(.broken)) }
        let path = request.path
        askCluster(.history(path)) { answer in
            guard case .history(let register) = answer else {
                return done(.failure(self.failure(answer, at: path)))
            }
            let restore = ClientRequest.restore(path, dot, request.operation)
            let wasDone = register.version(of: request.operation) != nil
            let versions = self.withoutEmptied(register).restorable
            let version =
                dot.map { dot in versions.first { $0.dot == dot } }
                ?? versions.first { $0.dot != register.head?.dot }
            guard wasDone || version != nil else {
                return done(.failure(.versionNotKept(path)))
            }
            guard !wasDone, let content = version?.content else {
                return self.restore(restore, at: path, request.tokens, done)
            }
            self.isWithinReach(content, for: Partition(of: path)) { isThere in
                if !isThere { return done(.failure(.versionMadeWay)) }
                let write = QuotaBook.Write(
                    to: path, byteCount: content.byteCount, request.operation)
                self.admit(write) { refusal in
                    if let refusal { return done(.failure(refusal)) }
                    let partition = Partition(of: path)
                    self.bring(content, from: content.home ?? partition, to: partition) {
                        self.restore(restore, at: path, request.tokens) { result in
                            self.quotaEnded(request.operation)
                            done(result)
                        }
                    }
                }
            }
        }
    }

    private func restore(
        _ request: ClientRequest, at path: StorePath, _ tokens: [LockToken],
        _ done: @escaping Reply<WriteResponse>
    ) {
        askToWrite(request, showing: tokens) { answer in
            if case .notFound = answer { return done(.failure(.versionNotKept(path))) }
            done(self.writeResult(answer, at: path))
        }
    }

    // MARK: Trees

    /// - Parameter answer: what was said of a file at the path.
    private func beginTree(
        _ transfer: TreeTransfer, _ answer: ClientAnswer, _ done: @escaping Reply<WriteResponse>
    ) {
        let path = transfer.request.path
        guard !path.isWithin(transfer.destination) else {
            return done(
                .failure(
                    RemoteError(
                        .isDirectory, "\(transfer.destination) is a directory, with \(path) in it",
                        hint: "move it to a name that is not there")))
        }
        listNames(path, after: nil, limit: 1) { listing in
            guard case .listing = listing else {
                switch answer {
                case .isDirectory, .conditionFailed:
                    return done(.failure(self.failure(answer, at: transfer.destination)))
                default: return done(.failure(self.failure(listing, at: path)))
                }
            }
            self.listNames(transfer.destination, after: nil, limit: 1) { listing in
                var transfer = transfer
                if case .listing = listing { transfer.isReplacing = true }
                guard !transfer.isReplacing || transfer.overwrites || transfer.isRepeat else {
                    return done(.failure(.anotherFile))
                }
                self.unlocked(transfer.changedTrees, transfer.request.tokens) { error in
                    if let error { return done(.failure(error)) }
                    self.nextRemoval += 1
                    self.transfers[self.nextRemoval] = (transfer, done)
                    self.stepTransfer(self.nextRemoval)
                }
            }
        }
    }

    private func stepTransfer(_ id: UInt64) {
        guard let transfer = transfers[id]?.transfer else { return }
        if let error = transfer.hasFailed { return endTransfer(id, error) }
        guard let level = transfer.stack.last else { return endTransfer(id, nil) }
        if !level.isMade { return makeTarget(of: level, id) }
        if let next = level.directories.last {
            setLevel(id) { $0.directories.removeLast() }
            transfers[id]?.transfer.stack.append(.init(next))
            return stepTransfer(id)
        }
        if level.isListed { return finishLevel(level, id) }
        listNames(
            level.path, after: level.after, limit: StoreLimits.deletionPageCount
        ) { answer in
            switch answer {
            case .listing(let entries, let next): self.transfer(entries, next: next, level, id)
            case .notFound:
                self.setLevel(id) { $0.isListed = true }
                self.stepTransfer(id)
            default: self.endTransfer(id, self.failure(answer, at: level.path), at: level.path)
            }
        }
    }

    private func setLevel(_ id: UInt64, _ change: (inout TreeTransfer.Level) -> Void) {
        guard var transfer = transfers[id]?.transfer, let last = transfer.stack.indices.last
        else { return }
        change(&transfer.stack[last])
        transfers[id]?.transfer = transfer
    }

    private func makeTarget(of level: TreeTransfer.Level, _ id: UInt64) {
        guard let transfer = transfers[id]?.transfer else { return }
        guard let target = transfer.target(of: level.path) else {
            return endTransfer(id, .tooLong(level.path), at: level.path)
        }
        let make = ClientRequest.makeDirectory(target, transfer.operation(for: target))
        askToWrite(make, showing: transfer.request.tokens, isPart: true) { answer in
            switch answer {
            case .written, .done: self.describeTarget(target, of: level, id)
            default: self.endTransfer(id, self.failure(answer, at: target), at: target)
            }
        }
    }

    /// The directory's properties go with it.
    private func describeTarget(
        _ target: StorePath, of level: TreeTransfer.Level, _ id: UInt64
    ) {
        func isMade() {
            setLevel(id) { $0.isMade = true }
            stepTransfer(id)
        }
        askCluster(.mark(level.path)) { answer in
            guard case .mark(let mark) = answer else {
                return self.endTransfer(id, self.failure(answer, at: level.path), at: level.path)
            }
            guard let transfer = self.transfers[id]?.transfer, let mark, mark.value.isMark,
                !mark.value.properties.isEmpty
            else { return isMade() }
            let describe = ClientRequest.describe(
                target, mark.value, when: .none, transfer.operation(for: target, mark.dot))
            self.askToWrite(describe, showing: transfer.request.tokens, isPart: true) { answer in
                guard case .written = answer else {
                    return self.endTransfer(id, self.failure(answer, at: target), at: target)
                }
                isMade()
            }
        }
    }

    private func transfer(
        _ entries: [ListedEntry], next: [UInt8]?, _ level: TreeTransfer.Level, _ id: UInt64
    ) {
        guard let transfer = transfers[id]?.transfer else { return }
        var files: [(source: QuotaSource, target: StorePath, version: Dot?)] = []
        var directories: [StorePath] = []
        for entry in entries {
            guard let path = try? level.path.appending(entry.name) else {
                Log.error("a listing has a name that no file can have", ["in": "\(level.path)"])
                return endTransfer(id, .broken)
            }
            // Copied below itself, it would go on for ever.
            if path == transfer.destination { continue }
            guard let target = transfer.target(of: path) else {
                return endTransfer(id, .tooLong(path), at: path)
            }
            if entry.isDirectory {
                directories.append(path)
            } else {
                let source = QuotaSource(
                    path, isMoved: transfer.isMove, byteCount: entry.record?.byteCount)
                files.append((source, target, entry.record?.version.dot))
            }
        }
        setLevel(id) { level in
            level.directories = directories.reversed()
            level.after = entries.last?.name ?? level.after
            level.isListed = next == nil
        }
        guard !files.isEmpty else { return stepTransfer(id) }
        transfers[id]?.transfer.open = files.count
        let condition = transfer.overwrites ? WriteCondition.none : .absent
        for (source, target, version) in files {
            let path = source.path
            let operation = transfer.operation(for: path, version)
            let request: ClientRequest =
                transfer.isMove
                ? .move(path, to: target, when: condition, operation)
                : .copy(path, to: target, when: condition, operation)
            let shown = Shown(transfer.request.tokens, isPart: true)
            place(request, shown, source, at: target, operation) { result in
                switch result {
                // Gone meanwhile: others were faster.
                case .success(.written), .success(.notFound): break
                case .success(let answer):
                    self.failTransfer(id, self.failure(answer, at: target), at: target)
                case .failure(let refusal): self.failTransfer(id, refusal, at: target)
                }
                self.transfers[id]?.transfer.open -= 1
                if self.transfers[id]?.transfer.open == 0 { self.stepTransfer(id) }
            }
        }
    }

    private func failTransfer(_ id: UInt64, _ error: RemoteError, at path: StorePath) {
        guard let transfer = transfers[id]?.transfer, transfer.hasFailed == nil else { return }
        transfers[id]?.transfer.hasFailed = error.of(path, in: transfer.destination)
    }

    /// Everything in it is at the destination.
    private func finishLevel(_ level: TreeTransfer.Level, _ id: UInt64) {
        guard let transfer = transfers[id]?.transfer else { return }
        guard transfer.isMove, !level.path.isRoot else { return leaveLevel(id) }
        let operation = transfer.operation(for: level.path)
        let remove = ClientRequest.removeDirectory(level.path, operation)
        askToWrite(remove, showing: transfer.request.tokens, isPart: true) { answer in
            switch answer {
            case .written, .notFound, .done: self.leaveLevel(id)
            case .directoryNotEmpty
            where level.relistings < StoreLimits.deletionRelistingsMax:
                self.relist(id, after: StoreLimits.relistingDelay * (level.relistings + 1))
            // Somebody goes on writing there: it stays, and what is above it.
            case .directoryNotEmpty: self.endTransfer(id, .filledAgain(level.path), at: level.path)
            default: self.endTransfer(id, self.failure(answer, at: level.path), at: level.path)
            }
        }
    }

    /// Somebody wrote there meanwhile; or the names of directories that were emptied go a moment later.
    private func relist(_ id: UInt64, after delay: Duration) {
        setLevel(id) { level in
            level.relistings += 1
            level.after = nil
            level.isListed = false
        }
        do {
            _ = try loop.schedule(after: delay) { [weak self] in
                self?.assumeIsolated { $0.stepTransfer(id) }
            }
        } catch {
            Log.error("no timer for a tree", ["error": "\(error)"])
            endTransfer(id, .broken)
        }
    }

    private func leaveLevel(_ id: UInt64) {
        transfers[id]?.transfer.stack.removeLast()
        stepTransfer(id)
    }

    /// - Parameter path: what the error is about, in the source or at the destination.
    private func endTransfer(_ id: UInt64, _ error: RemoteError?, at path: StorePath? = nil) {
        guard let (transfer, done) = transfers.removeValue(forKey: id) else { return }
        if let error {
            let isTop = path == transfer.request.path || path == transfer.destination
            return done(.failure(error.of(isTop ? nil : path, in: transfer.request.path)))
        }
        let response = WriteResponse(
            outcome: transfer.isReplacing ? .replaced : .created,
            dot: Dot(disk: cluster.node.diskID, sequence: 0), time: .zero, copies: 1)
        whenListed(transfer.destination, true) {
            guard transfer.isMove else { return done(.success(response)) }
            self.whenListed(transfer.request.path, false) { done(.success(response)) }
        }
    }
}

/// The tokens of locks that a write shows.
private struct Shown {
    var tokens: [LockToken]
    var isPart: Bool

    init(_ tokens: [LockToken], isPart: Bool = false) {
        self.tokens = tokens
        self.isPart = isPart
    }
}

/// What quotas have to know of a file that gets another path.
private struct QuotaSource {
    var path: StorePath
    var isMoved: Bool
    /// Nil: to be asked for.
    var byteCount: UInt64?

    init(_ path: StorePath, isMoved: Bool, byteCount: UInt64? = nil) {
        self.path = path
        self.isMoved = isMoved
        self.byteCount = byteCount
    }
}

extension TreeTransfer {
    /// Of which each lock inside is in the way.
    fileprivate var changedTrees: [StorePath] {
        isMove ? [request.path, destination] : [destination]
    }

    /// Why there is nothing to begin with.
    fileprivate var refusal: RemoteError? {
        let path = request.path
        if path.isRoot { return RemoteError(.invalid, "the root cannot be moved or copied") }
        if destination.isRoot { return RemoteError(.isDirectory, "/ is a directory") }
        if destination == path {
            return RemoteError(.invalid, "source and destination are the same path")
        }
        if isMove, destination.isWithin(path) {
            return RemoteError(.invalid, "\(path) cannot be moved into itself")
        }
        return nil
    }
}

extension RemoteError {
    static func versionNotKept(_ path: StorePath) -> RemoteError {
        RemoteError(
            .notFound, "no such version of \(path) is kept",
            hint: "GET /api/versions/ of the path lists those that are")
    }

    static let versionMadeWay = RemoteError(
        .notFound, "the content of this version made way for newer ones",
        hint: "trash_percent and versions_max say how much is kept")

    fileprivate static func tooLong(_ path: StorePath) -> RemoteError {
        RemoteError(
            .invalid, "the name of \(path) would be too long at the destination",
            hint: "what was done is kept; move the rest to a shorter name")
    }
}
