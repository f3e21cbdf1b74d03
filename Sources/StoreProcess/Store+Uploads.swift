internal import Cluster
internal import IPC
internal import Loop
internal import Model
internal import Posix
internal import Replication
internal import Transfer

// Uploads: staging files that a gateway writes through a descriptor of its own.
extension Store {
    func beginUpload(
        _ request: BeginUploadRequest, link: Uploads.LinkID,
        isWanted: @escaping () -> Bool = { true }, _ reply: @escaping Reply<Staging>
    ) {
        guard committers[request.operation] == nil else {
            return reply(.failure(RemoteError(.invalid, "this upload is being committed")))
        }
        guard !engine.isReadOnly else {
            return reply(.failure(RemoteError(.readOnly, "the store is read-only")))
        }
        guard uploads.count(of: link) < IPCLimits.uploadsMax else {
            return reply(
                .failure(RemoteError(.unavailable, "too many uploads at once; try again later")))
        }
        // An upload without a chance ends before its body; the commit looks again.
        lookUp(LookupRequest(path: request.path, wantsContent: false)) { result in
            do throws(RemoteError) {
                try request.check(result.map(\.response))
            } catch {
                return reply(.failure(error))
            }
            self.unbarred(request.path, request.conditions.tokens) { error in
                if let error { return reply(.failure(error)) }
                self.admitUpload(request, link, isWanted: isWanted, reply)
            }
        }
    }

    /// Of a body whose length nobody told it is asked whether there is room for anything.
    private func admitUpload(
        _ request: BeginUploadRequest, _ link: Uploads.LinkID, isWanted: @escaping () -> Bool,
        _ reply: @escaping Reply<Staging>
    ) {
        let write = QuotaBook.Write(
            to: request.path, byteCount: request.byteCount ?? 1, request.operation)
        admit(write) { refusal in
            if let refusal { return reply(.failure(refusal)) }
            self.askToBegin(request, link, isWanted: isWanted) { result in
                if case .failure = result {
                    self.quotaEnded(request.operation, isWritten: false)
                }
                reply(result)
            }
        }
    }

    /// - Parameter link: nil where the asker went meanwhile.
    func uploadBegan(
        _ request: BeginUploadRequest, _ link: Uploads.LinkID?, own: HandedDescriptor,
        sealedAs object: ObjectID?
    ) {
        var upload = uploads[request.operation] ?? Uploads.Upload()
        upload.file = own
        upload.path = request.path
        upload.sealedAs = object
        if let link {
            upload.owner = link
            upload.deadline = nil
        } else if upload.owner == nil {
            // It may still be claimed, by the gateway's next link.
            upload.deadline = .now + StoreLimits.claimDelay
        }
        uploads[request.operation] = upload
        setUploadTimer()
    }

    func commitUpload(_ request: WriteRequest, _ reply: @escaping Reply<WriteResponse>) {
        let operation = request.operation
        if committers[operation] != nil {
            committers[operation]?.append(reply)
            return
        }
        if let answer = cluster.answered[operation] { return reply(.success(answer)) }
        guard beginning[operation] == nil else {
            // It would open for writing what this makes durable.
            return reply(.failure(RemoteError(.invalid, "this upload is being begun")))
        }
        committers[operation] = [reply]
        guard var upload = uploads[operation] else {
            // Perhaps an earlier life, or an earlier link, committed it.
            return findUpload(request)
        }
        upload.phase = .committing
        uploads[operation] = upload
        var request = request
        request.modified = request.modified ?? WallClock.now
        settle(request, until: .now + StoreLimits.leaseWait)
    }

    /// Lets a thread make the upload durable; again and again, while the gateway's descriptor is
    /// on its way to be closed.
    private func settle(_ request: WriteRequest, until deadline: ContinuousClock.Instant) {
        guard let upload = uploads[request.operation] else {
            preconditionFailure("an upload that is committed stays until its commit ended")
        }
        let engine = engine
        let taken = engine.files.submit(on: loop) {
            settleOnThread(request, upload, engine)
        } then: { [weak self] result in
            self?.assumeIsolated { $0.settled(request, result, deadline) }
        }
        if !taken {
            commitEnded(
                request.operation,
                .failure(RemoteError(.unavailable, "too many uploads end at once")))
        }
    }

    private func settled(
        _ request: WriteRequest, _ result: Result<SettledUpload?, RemoteError>,
        _ deadline: ContinuousClock.Instant
    ) {
        switch result {
        case .success(let settled?):
            uploads[request.operation]?.file = settled.file
            uploads[request.operation]?.sealedAs = settled.object
            let write = QuotaBook.Write(
                to: request.path, byteCount: request.byteCount, request.operation)
            admit(write) { refusal in
                if let refusal {
                    return self.commitEnded(request.operation, .failure(refusal))
                }
                self.storeUpload(request)
            }
        case .success(nil) where .now < deadline:
            do {
                _ = try loop.schedule(after: StoreLimits.leaseRetryInterval) { [weak self] in
                    self?.assumeIsolated { $0.settle(request, until: deadline) }
                }
            } catch {
                commitEnded(request.operation, .failure(.broken))
            }
        case .success(nil):
            commitEnded(
                request.operation,
                .failure(
                    RemoteError(
                        .invalid, "the upload's file is still open for writing",
                        hint: "close it before the commit")))
        case .failure(let error): commitEnded(request.operation, .failure(error))
        }
    }

    /// Its content is durable: the nodes that will hold it have it first, then its version is made.
    private func storeUpload(_ request: WriteRequest) {
        let object = shelve(request.operation)
        let facts = ContentFacts(
            object: object, byteCount: request.byteCount, digest: request.digest)
        offer(facts, for: Partition(of: request.path)) { _ in
            self.store(request, object) { result in
                self.cluster.shelf.unpin(object, now: self.loop.now)
                self.commitEnded(request.operation, result, object: object)
            }
        }
    }

    /// The result of an upload that is not known here any more.
    private func findUpload(_ request: WriteRequest) {
        askCluster(.get(request.path, .checked)) { answer in
            guard case .file(let record) = answer, record.operation == request.operation else {
                return self.commitEnded(
                    request.operation,
                    .failure(RemoteError(.unknownUpload, "no such upload is under way")))
            }
            // Its name may still be to come: it is written again, as everything that is sent again.
            self.store(request, record.object) { self.commitEnded(request.operation, $0) }
        }
    }

    /// The commit came to an end: committed or refused. Refused, the gateway forgets the upload.
    func commitEnded(
        _ operation: OperationID, _ result: Result<WriteResponse, RemoteError>,
        object: ObjectID? = nil
    ) {
        // One that was refused may have been stored all the same.
        quotaEnded(operation, isWritten: object != nil)
        if case .success(let response) = result { cluster.answered.insert(operation, response) }
        if let upload = uploads[operation] {
            uploads[operation] = nil
            switch (result, object) {
            case (.failure, nil): giveUp(operation, upload)
            case (.failure, let object?):
                // A version that was refused may have been stored all the same.
                upload.file?.close()
                if cluster.shelf.take(object) { forget(object, operation) }
            // Gives back the lease. No write-behind runs since the commit began.
            case (.success, _): upload.file?.close()
            }
            setUploadTimer()
        }
        for reply in committers.removeValue(forKey: operation) ?? [] { reply(result) }
        uploadFinished()
    }

    func abortUploads(_ operations: [OperationID]) {
        for operation in operations {
            // One that is being committed is no longer the client's to abort.
            guard let upload = uploads[operation], upload.phase == .open else { continue }
            uploads[operation] = nil
            giveUp(operation, upload)
        }
        setUploadTimer()
    }

    func claimUploads(_ operations: [OperationID], link: Uploads.LinkID) {
        uploads.claim(operations, by: link)
    }

    func linkClosed(_ link: Uploads.LinkID) { uploads.linkClosed(link, now: .now) }

    /// The life begins: the staging files that the start found wait to be claimed, and the brain
    /// starts.
    func begin() {
        uploads.found(engine.foundUploads, now: .now)
        setUploadTimer()
        beginScrubbing()
        performQueue()
    }

    func uploadTick() {
        for (operation, upload) in uploads.expire(now: .now) {
            Log.info("an upload that nobody claimed is removed", ["operation": operation.hex])
            giveUp(operation, upload)
        }
        for (operation, upload) in uploads.all where upload.phase == .open {
            guard let file = upload.file, !upload.isWritingBehind else { continue }
            uploads[operation]?.isWritingBehind = engine.files.submit(on: loop) {
                StagingFile.writeBehind(file, from: upload.writtenBehind)
            } then: { [weak self] offset in
                self?.assumeIsolated { store in
                    store.uploads[operation]?.isWritingBehind = false
                    store.uploads[operation]?.writtenBehind = offset
                    store.tellGrowth(
                        of: operation, to: store.contentByteCount(staged: UInt64(clamping: offset)))
                }
            }
        }
        setUploadTimer()
    }

    private func giveUp(_ operation: OperationID, _ upload: Uploads.Upload) {
        growthEnded(upload)
        quotaEnded(operation, isWritten: false)
        removeStaging(operation, upload.file)
    }

    private func removeStaging(_ operation: OperationID, _ file: HandedDescriptor?) {
        let engine = engine
        let taken = engine.files.submit {
            StagingFile.remove(operation, file: file, engine.directory)
        }
        if taken { return }
        // The threads have too much to do: tried again when its time is over.
        uploads[operation] = Uploads.Upload(deadline: .now + StoreLimits.claimDelay, file: file)
        setUploadTimer()
    }
}

/// A durable staging file, with its lease.
private struct SettledUpload: Sendable {
    var file: HandedDescriptor
    /// Which object it is sealed as.
    var object: ObjectID?
}

/// On a thread for files: the durable file, nil while somebody writes to it, or why the commit ends here.
private func settleOnThread(
    _ request: WriteRequest, _ upload: Uploads.Upload, _ engine: Engine
) -> Result<SettledUpload?, RemoteError> {
    do throws(RemoteError) {
        let file: HandedDescriptor
        if let own = upload.file {
            file = own
        } else {
            file = try StagingFile.open(request.operation, engine.directory)
        }
        let settled = try StagingFile.settle(
            request.operation, file: file, byteCount: request.byteCount,
            modified: request.modified ?? WallClock.now, engine)
        switch settled {
        case .isBeingWritten: return .success(nil)
        case .durable(let object): return .success(SettledUpload(file: file, object: object))
        }
    } catch {
        return .failure(error)
    }
}

extension BeginUploadRequest {
    /// Whether the upload has a chance, by what is at its path.
    fileprivate func check(_ found: Result<LookupResponse, RemoteError>) throws(RemoteError) {
        var facts: IPC.FileFacts?
        switch found {
        case .success(.file(let known)), .success(.inline(let known, _)),
            .success(.descriptor(let known)), .success(.region(let known, _)),
            .success(.windows(let known, _)), .success(.remote(let known, _, _)),
            .success(.heldFile(let known, _)):
            facts = known
        case .success(.directory), .success(.heldDirectory):
            throw RemoteError(.isDirectory, "\(path) is a directory")
        case .failure(let error) where error.code == .notFound: break
        case .failure(let error): throw error
        }
        guard conditions.hold(digest: facts?.digest, modified: facts?.modified) else {
            throw .anotherFile
        }
    }
}
