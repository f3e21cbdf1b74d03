internal import IPC
internal import Loop
internal import Model
internal import Posix

// Uploads: staging files that a gateway writes through a descriptor of its own.
extension Store {
    func beginUpload(
        _ request: BeginUploadRequest, link: Uploads.LinkID,
        isWanted: @escaping () -> Bool = { true }, _ reply: @escaping Reply<HandedDescriptor>
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
        askToBegin(request, link, isWanted: isWanted, reply)
    }

    /// - Parameter link: nil where the asker went meanwhile.
    func uploadBegan(
        _ operation: OperationID, _ link: Uploads.LinkID?, own: HandedDescriptor
    ) {
        var upload = uploads[operation] ?? Uploads.Upload()
        upload.file = own
        if let link {
            upload.owner = link
            upload.deadline = nil
        } else if upload.owner == nil {
            // It may still be claimed, by the gateway's next link.
            upload.deadline = .now + StoreLimits.claimDelay
        }
        uploads[operation] = upload
        setUploadTimer()
    }

    func commitUpload(_ request: WriteRequest, _ reply: @escaping Reply<WriteResponse>) {
        let operation = request.operation
        if committers[operation] != nil {
            committers[operation]?.append(reply)
            return
        }
        guard beginning[operation] == nil else {
            // It would open for writing what this makes durable.
            return reply(.failure(RemoteError(.invalid, "this upload is being begun")))
        }
        committers[operation] = [reply]
        guard var upload = uploads[operation] else {
            // Perhaps an earlier life, or an earlier link, committed it.
            return submitUpload(.findUpload(operation, request.path), operation)
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
        _ request: WriteRequest, _ result: Result<HandedDescriptor?, RemoteError>,
        _ deadline: ContinuousClock.Instant
    ) {
        switch result {
        case .success(let file?):
            uploads[request.operation]?.file = file
            submitUpload(.commitUpload(request, makeObjectID()), request.operation)
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

    /// The commit came to an end: committed or refused. Refused, the gateway forgets the upload.
    func commitEnded(_ operation: OperationID, _ result: Result<WriteResponse, RemoteError>) {
        if let upload = uploads[operation] {
            uploads[operation] = nil
            if case .failure = result {
                removeStaging(operation, upload.file)
            } else {
                // Gives back the lease. No write-behind runs since the commit began.
                upload.file?.close()
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
            removeStaging(operation, upload.file)
        }
        setUploadTimer()
    }

    func claimUploads(_ operations: [OperationID], link: Uploads.LinkID) {
        uploads.claim(operations, by: link)
    }

    func linkClosed(_ link: Uploads.LinkID) { uploads.linkClosed(link, now: .now) }

    /// The staging files that the start found wait to be claimed.
    func beginClaims() {
        uploads.found(engine.foundUploads, now: .now)
        setUploadTimer()
    }

    func uploadTick() {
        for (operation, upload) in uploads.expire(now: .now) {
            Log.info("an upload that nobody claimed is removed", ["operation": operation.hex])
            removeStaging(operation, upload.file)
        }
        for (operation, upload) in uploads.all where upload.phase == .open {
            guard let file = upload.file, !upload.isWritingBehind else { continue }
            uploads[operation]?.isWritingBehind = engine.files.submit(on: loop) {
                StagingFile.writeBehind(file, from: upload.writtenBehind)
            } then: { [weak self] offset in
                self?.assumeIsolated { store in
                    store.uploads[operation]?.isWritingBehind = false
                    store.uploads[operation]?.writtenBehind = offset
                }
            }
        }
        setUploadTimer()
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

/// On a thread for files: the durable file with its lease, nil while somebody writes to it, or why
/// the commit ends here.
private func settleOnThread(
    _ request: WriteRequest, _ upload: Uploads.Upload, _ engine: Engine
) -> Result<HandedDescriptor?, RemoteError> {
    do throws(RemoteError) {
        let file: HandedDescriptor
        if let own = upload.file {
            file = own
        } else {
            file = try StagingFile.open(request.operation, engine.directory)
        }
        let isDone = try StagingFile.settle(
            request.operation, file: file, byteCount: request.byteCount,
            modified: request.modified ?? WallClock.now, engine)
        return .success(isDone ? file : nil)
    } catch {
        return .failure(error)
    }
}
