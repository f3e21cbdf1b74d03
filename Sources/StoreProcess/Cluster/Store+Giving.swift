internal import IPC
internal import Loop
internal import Model
internal import Posix
internal import Transfer

// Contents for others: small ones in a message, large ones by a descriptor for the gateway, which
// sends the bytes itself.
extension Store {
    // MARK: Small ones

    func give(_ object: ObjectID, byteCount: Int, to peer: NodeID) {
        if case .bytes(let bytes) = cluster.shelf[object] {
            return gave(object, bytes, to: peer)
        }
        guard cluster.servedCount < TransferLimits.servedMax else {
            return send(.busy(object), to: peer)
        }
        cluster.servedCount += 1
        let count = min(byteCount, TransferLimits.attachedByteCountMax)
        open(object) { found in
            switch found {
            case .bytes(let bytes): self.served(object, bytes, to: peer)
            case .opened(let content):
                self.read(content, count) { self.served(object, $0, to: peer) }
            case nil: self.served(object, nil, to: peer)
            }
        }
    }

    private func served(_ object: ObjectID, _ bytes: [UInt8]?, to peer: NodeID) {
        cluster.servedCount -= 1
        gave(object, bytes, to: peer)
    }

    private func gave(_ object: ObjectID, _ bytes: [UInt8]?, to peer: NodeID) {
        guard let bytes, bytes.count <= TransferLimits.attachedByteCountMax else {
            return send(.lacks(object), to: peer)
        }
        send(.piece(object, bytes: bytes), to: peer)
    }

    private func read(
        _ content: StoredContent, _ byteCount: Int, _ then: @escaping ([UInt8]?) -> Void
    ) {
        onFileThread { () -> [UInt8]? in
            do {
                return try content.read(0..<min(UInt64(byteCount), content.byteCount))
            } catch {
                Log.error("a content cannot be read", ["error": "\(error)"])
                return nil
            }
        } then: {
            then($0)
        }
    }

    // MARK: Large ones

    /// A gateway asks in the name of a peer.
    func openContent(
        _ request: OpenContentRequest,
        _ reply: @escaping (Result<(OpenContentResponse, HandedDescriptor?), RemoteError>) -> Void
    ) {
        cluster.offers.asked(request.object, by: request.node, now: loop.now)
        let missing = RemoteError(.notFound, "there is no such content here")
        open(request.object) { found in
            switch found {
            case .bytes(let bytes) where bytes.count <= IPCLimits.inlineContentByteCountMax:
                reply(.success((.inline(bytes), nil)))
            case .opened(.file(let file)) where file.offset == 0:
                reply(.success((.descriptor(byteCount: file.byteCount), file.file)))
            case .opened(.file(let file)):
                reply(
                    .success(
                        (.region(byteCount: file.byteCount, offset: file.offset), file.file)))
            case .opened(.ranges(let content)):
                reply(.success((.windows(byteCount: content.byteCount), nil)))
            case .bytes, nil: reply(.failure(missing))
            }
        }
    }

    /// A gateway asks for a part of what it was told to read in windows.
    func readContent(
        _ request: ReadContentRequest,
        _ reply: @escaping (Result<(OpenContentResponse, HandedDescriptor?), RemoteError>) -> Void
    ) {
        if case .staged(let operation) = cluster.shelf[request.object] {
            return openStaged(operation, of: request.object) { content in
                guard let content else { return self.readStored(request, reply) }
                self.readShelved(content, request, reply)
            }
        }
        readStored(request, reply)
    }

    private func readStored(
        _ request: ReadContentRequest,
        _ reply: @escaping (Result<(OpenContentResponse, HandedDescriptor?), RemoteError>) -> Void
    ) {
        askDisk(.window(request.object, request.range)) { answer in
            switch answer {
            case .success(.objectContent(let bytes)): reply(.success((.inline(bytes), nil)))
            case .success(.window(let window, let byteCount)):
                reply(.success((.descriptor(byteCount: byteCount), window)))
            case .failure(let error): reply(.failure(error))
            default: preconditionFailure("a finding for another request")
            }
        }
    }

    /// Of a content that no record names yet, perhaps one that is still uploaded.
    private func readShelved(
        _ content: StoredContent, _ request: ReadContentRequest,
        _ reply: @escaping (Result<(OpenContentResponse, HandedDescriptor?), RemoteError>) -> Void
    ) {
        let end = min(content.byteCount, request.range.upperBound)
        guard request.offset <= end else {
            return reply(.failure(RemoteError(.invalid, "so much of the content is not here")))
        }
        onFileThread { () -> ReadWindow? in
            do {
                return try ReadWindow(try content.read(request.offset..<end))
            } catch {
                Log.error("a content cannot be read", ["error": "\(error)"])
                return nil
            }
        } then: { window in
            guard let window else { return reply(.failure(.broken)) }
            reply(.success((window.response, window.memory)))
        }
    }

    // MARK: Where it is

    private enum Place {
        case bytes([UInt8])
        case opened(StoredContent)
    }

    private func open(_ object: ObjectID, _ then: @escaping (Place?) -> Void) {
        switch cluster.shelf[object] {
        case .bytes(let bytes): then(.bytes(bytes))
        case .staged(let operation):
            openStaged(operation, of: object) { content in
                if let content { return then(.opened(content)) }
                // A version took it in between.
                self.openStored(object, then)
            }
        case nil: openStored(object, then)
        }
    }

    private func openStored(_ object: ObjectID, _ then: @escaping (Place?) -> Void) {
        askDisk(.object(object)) { answer in
            switch answer {
            case .success(.objectContent(let bytes)): then(.bytes(bytes))
            case .success(.objectOpened(let content)): then(.opened(content))
            default: then(nil)
            }
        }
    }

    /// A staging file of the shelf, for reading; nil where it is gone.
    func openStaged(
        _ operation: OperationID, of object: ObjectID, _ then: @escaping (StoredContent?) -> Void
    ) {
        let directory = engine.directory
        onFileThread { () -> StoredContent? in
            do {
                return try StagingFile.content(operation, of: object, directory)
            } catch {
                Log.debug("a staging file is gone", ["error": "\(error)"])
                return nil
            }
        } then: {
            then($0)
        }
    }

    /// Does `work` on a thread for files and `then` on the loop; nil where the threads have too much to
    /// do.
    private func onFileThread<Value: Sendable>(
        _ work: @escaping @Sendable () -> Value?, then: @escaping (Value?) -> Void
    ) {
        if !engine.files.submit(on: loop, work, then: then) { then(nil) }
    }
}

/// Bytes for a gateway.
private struct ReadWindow: Sendable {
    var response: OpenContentResponse
    var memory: HandedDescriptor?

    init(_ bytes: [UInt8]) throws(PosixError) {
        if bytes.count <= IPCLimits.inlineContentByteCountMax {
            response = .inline(bytes)
        } else {
            response = .descriptor(byteCount: UInt64(bytes.count))
            memory = HandedDescriptor(try SealedMemory.make(bytes))
        }
    }
}
