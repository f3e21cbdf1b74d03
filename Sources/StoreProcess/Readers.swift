internal import Cluster
internal import GRDB
internal import Glibc
internal import IPC
internal import Model
internal import Posix
internal import Replication
internal import Synchronization
internal import Transfer

/// A question for the reading threads.
enum Question: Sendable {
    case lookup(LookupRequest)
    case list(ListRequest)
    case sums
    /// Whether an upload may begin, and its staging file.
    case beginUpload(BeginUploadRequest)
    /// What the cluster's brain asks and that only reads, at a monotonic time.
    case storage(StorageRequest, at: Duration)
    /// Which of these contents are not here.
    case lacking([ObjectID])
    /// A content by its object: for another node, which may ask for one that no path shows.
    case object(ObjectID)
    /// So much of a content that its kind of storage cannot lend as a file.
    case window(ObjectID, Range<UInt64>)
    /// The files of these partitions, for people.
    case partitionFiles([Partition])
    /// For people who look into the state: a file's register, partitions with files, files' keys.
    case register(StorePath)
    case filePartitions(after: Partition?, limit: Int)
    case walk(RecordWalk)
    case trash(TrashWalk)
}

/// A page of what this disk has in the trash.
struct TrashWalk: Sendable {
    var directory: StorePath
    var after: StorePath?
    var limit: Int
    /// What was deleted up to here is none of it: the trash was emptied.
    var emptiedUntil: HybridTime
}

/// What a reading thread found.
struct Finding: Sendable {
    enum Answer: Sendable {
        case file(StoredRecord)
        case content(StoredRecord, [UInt8])
        case descriptor(StoredRecord, LentFile)
        /// To be read window by window.
        case windows(StoredRecord)
        case directory(modified: Timestamp)
        /// Something newer than the record may be here: the brain has to say.
        case unsettled
        case page(ListResponse)
        case sums(MetadataReader.Sums, freeByteCount: UInt64)
        /// For writing, and a second one of the store's own, for reading.
        case staging(HandedDescriptor, own: HandedDescriptor, BegunContent?)
        case storage(StorageAnswer)
        case lacking([ObjectID])
        case objectContent([UInt8])
        case objectOpened(StoredContent)
        /// The whole of the descriptor.
        case window(HandedDescriptor, byteCount: UInt64)
        case partitionFiles(PartitionFilesResponse)
        case register(Register?)
        case filePartitions(FileGroups)
        case walked(RecordPage)
        case trash(TrashPage)
    }

    var ticket: UInt64
    /// The commits that it saw.
    var sequence: UInt64
    var answer: Result<Answer, RemoteError>
}

/// A descriptor on its way from one thread to another; closed unless it is taken.
final class HandedDescriptor: Sendable {
    private let descriptor: Mutex<Descriptor?>

    init(_ descriptor: consuming Descriptor) { self.descriptor = Mutex(consume descriptor) }

    func take() -> Descriptor? { descriptor.withLock { $0.take() } }

    /// Taken, for those who work on one thread.
    func box() -> DescriptorBox? {
        switch take() {
        case .some(let descriptor): DescriptorBox(descriptor)
        case .none: nil
        }
    }

    /// Closes it unless it was taken.
    func close() { _ = take() }

    /// Runs `body` with it, while nobody else has it; nil where it was taken or closed.
    func use<Result>(_ body: (borrowing Descriptor) throws -> Result) rethrows -> Result? {
        try descriptor.withLock { held in
            guard let descriptor = held.take() else { return nil }
            do {
                let result = try body(descriptor)
                held = consume descriptor
                return result
            } catch {
                held = consume descriptor
                throw error
            }
        }
    }
}

/// Threads that read the database and small files, so that the loop never waits for the disk.
final class Readers: Sendable {
    private struct Asked: Sendable {
        var ticket: UInt64
        var question: Question
    }

    private let mailbox = Mailbox<Asked>()
    private let threads: [Worker]

    /// - Parameters:
    ///   - queues: connections that nobody else uses from here on, one a thread.
    ///   - found: takes the answers, on a thread of these.
    init(
        _ queues: [DatabaseQueue], _ directory: DataDirectory, _ contents: DiskContents,
        _ space: SpaceRules,
        found: @escaping @Sendable (Finding) -> Void
    ) {
        let mailbox = mailbox
        threads = queues.enumerated().map { index, queue in
            Worker.start("store-reader-\(index)") {
                do {
                    try queue.inDatabase { database in
                        let answering = try Answering(database, directory, contents, space)
                        while let asked = mailbox.takeOne() {
                            found(answering.answer(asked.question, ticket: asked.ticket))
                        }
                    }
                } catch {
                    Log.error("a reading thread cannot work", ["error": "\(error)"])
                    ProcessEnd.now(ProcessEnd.crashed)
                }
            }
        }
    }

    func ask(_ question: Question, ticket: UInt64) {
        mailbox.post(Asked(ticket: ticket, question: question))
    }

    func end() {
        mailbox.close()
        for thread in threads { thread.join() }
    }
}

/// Answers questions with one connection.
final class Answering {
    private let reader: MetadataReader
    private let tables: SQLTables
    private let directory: DataDirectory
    private let contents: DiskContents
    private let space: SpaceRules

    init(
        _ database: Database, _ directory: DataDirectory, _ contents: DiskContents,
        _ space: SpaceRules = SpaceRules()
    ) throws {
        self.space = space
        reader = try MetadataReader(database)
        tables = try SQLTables(database, reader)
        self.directory = directory
        self.contents = contents
    }

    func answer(_ question: Question, ticket: UInt64) -> Finding {
        var finding = Finding(ticket: ticket, sequence: 0, answer: .failure(.broken))
        do {
            switch question {
            case .lookup(let request): try lookUp(request, &finding)
            case .list(let request):
                let (page, sequence) = try reader.snapshot { try reader.list(request) }
                finding.sequence = sequence
                finding.answer = .success(.page(page))
            case .sums:
                let (sums, sequence) = try reader.snapshot { try reader.sums() }
                finding.sequence = sequence
                let free = try directory.freeByteCount()
                finding.answer = .success(.sums(sums, freeByteCount: free))
            case .beginUpload(let request): try beginUpload(request, &finding)
            case .storage(let request, let now):
                let (answer, sequence) = try reader.snapshot {
                    try tables.answer(request, at: now)
                }
                finding.sequence = sequence
                finding.answer = .success(.storage(answer))
            case .lacking(let objects):
                let (lacking, sequence) = try reader.snapshot {
                    try objects.filter { try tables.queries.object($0)?.state != .here }
                }
                finding.sequence = sequence
                finding.answer = .success(.lacking(lacking))
            case .object(let object): try openObject(object, &finding)
            case .window(let object, let range): try readWindow(object, range, &finding)
            case .register(let path):
                let (register, sequence) = try reader.snapshot { () -> Register? in
                    if let row = try tables.queries.register(.file(path)) { return row.register }
                    return try reader.record(at: path).map { Register(head: $0.version) }
                }
                finding.sequence = sequence
                finding.answer = .success(.register(register))
            case .filePartitions(let after, let limit):
                let (groups, sequence) = try reader.snapshot {
                    try tables.inspection.groups(after: after, limit: limit)
                }
                finding.sequence = sequence
                finding.answer = .success(.filePartitions(groups))
            case .walk(let walk):
                let (page, sequence) = try reader.snapshot { try tables.inspection.walk(walk) }
                finding.sequence = sequence
                finding.answer = .success(.walked(page))
            case .trash(let walk):
                let (page, sequence) = try reader.snapshot { try tables.trash(walk) }
                finding.sequence = sequence
                finding.answer = .success(.trash(page))
            case .partitionFiles(let partitions):
                let (files, sequence) = try reader.snapshot {
                    try tables.queries.files(of: partitions)
                }
                finding.sequence = sequence
                finding.answer = .success(.partitionFiles(files))
            }
        } catch let error as RemoteError {
            finding.answer = .failure(error)
        } catch let damage as ContentDamage {
            Log.error("a content is damaged", ["how": "\(damage)"])
            finding.answer = .failure(.damaged("\(damage)"))
        } catch {
            Log.error("a read failed", ["error": "\(error)"])
        }
        return finding
    }

    // MARK: Look-ups

    private enum Found {
        case nothing
        case directory(Timestamp)
        case file(StoredRecord, row: [UInt8]?)
        case unsettled
    }

    private func lookUp(_ request: LookupRequest, _ finding: inout Finding) throws {
        var missed: ObjectID?
        for _ in 0..<StoreLimits.contentAttemptsMax {
            let (found, sequence) = try reader.snapshot {
                try find(request.path, wantsContent: request.wantsContent)
            }
            finding.sequence = sequence
            switch found {
            case .unsettled:
                finding.answer = .success(.unsettled)
                return
            case .nothing:
                throw RemoteError(.notFound, "nothing is at \(request.path)")
            case .directory(let modified):
                finding.answer = .success(.directory(modified: modified))
                return
            case .file(let stored, let row):
                if let row {
                    finding.answer = .success(.content(stored, row))
                } else if !request.wantsContent {
                    finding.answer = .success(.file(stored))
                } else if let answer = try open(stored, request.path) {
                    finding.answer = .success(answer)
                } else if missed == stored.record.object {
                    // The record did not change, and twice there was no content.
                    try lost(stored, request.path, "is not there")
                } else {
                    // Replaced or moved in between: look again.
                    missed = stored.record.object
                    continue
                }
                return
            }
        }
        throw RemoteError(.unavailable, "the file changes faster than it can be read")
    }

    private func find(_ path: StorePath, wantsContent: Bool) throws -> Found {
        if try tables.queries.isUnsettled(file: path) { return .unsettled }
        guard let stored = try reader.record(at: path) else {
            return path.isRoot ? .directory(try reader.created()) : .nothing
        }
        let row = wantsContent ? try reader.content(of: stored) : nil
        return .file(stored, row: row)
    }

    /// The content from its place; nil where there is none.
    private func open(_ stored: StoredRecord, _ path: StorePath) throws -> Finding.Answer? {
        guard let content = try openContent(stored.record) else { return nil }
        let byteCount = stored.record.byteCount
        guard content.byteCount == byteCount else {
            return try lost(stored, path, "has \(content.byteCount) bytes, not \(byteCount)")
        }
        if byteCount > UInt64(IPCLimits.inlineContentByteCountMax) {
            switch content {
            case .file(let file): return .descriptor(stored, file)
            case .ranges:
                contents.inUse.note(stored.record.object)
                return .windows(stored)
            }
        }
        return .content(stored, try content.read(content.whole))
    }

    private func openContent(_ record: FileRecord) throws -> StoredContent? {
        if let content = try openContent(of: record.object) { return content }
        return try openStaged(record.operation, of: record.object)
    }

    /// The content in its place; nil where there is none.
    private func openContent(of object: ObjectID) throws -> StoredContent? {
        if let content = try contents.store.open(object) { return content }
        // Committed and not moved yet.
        guard let operation = try reader.stagingFile(of: object) else { return nil }
        return try openStaged(operation, of: object)
    }

    private func openStaged(
        _ operation: OperationID, of object: ObjectID
    ) throws -> StoredContent? {
        do {
            return try StagingFile.content(operation, of: object, directory)
        } catch let error as PosixError where error.code == ENOENT {
            return nil
        }
    }

    private enum Located {
        case row([UInt8])
        case opened(StoredContent)
    }

    /// - Throws: `RemoteError` where the object is not here.
    private func locate(_ object: ObjectID, _ finding: inout Finding) throws -> Located {
        for _ in 0..<StoreLimits.contentAttemptsMax {
            let (row, sequence) = try reader.snapshot {
                guard try tables.queries.object(object)?.state == .here else {
                    throw RemoteError(.notFound, "no content \(object) is here")
                }
                return try reader.content(of: object)
            }
            finding.sequence = sequence
            if let row { return .row(row) }
            if let content = try openContent(of: object) { return .opened(content) }
            // Moved or removed in between: look again.
        }
        throw RemoteError(.internalError, "the content \(object) is not there")
    }

    private func openObject(_ object: ObjectID, _ finding: inout Finding) throws {
        switch try locate(object, &finding) {
        case .row(let row): finding.answer = .success(.objectContent(row))
        case .opened(let content):
            if case .ranges = content { contents.inUse.note(object) }
            finding.answer = .success(.objectOpened(content))
        }
    }

    // MARK: Windows

    /// The object may have lost its name since its reader began: it is there all the same for a while.
    private func readWindow(
        _ object: ObjectID, _ range: Range<UInt64>, _ finding: inout Finding
    ) throws {
        let content: StoredContent
        if let stored = try contents.store.open(object) {
            content = stored
        } else {
            switch try locate(object, &finding) {
            case .row(let row):
                let end = min(UInt64(row.count), range.upperBound)
                guard range.lowerBound <= end else { throw RemoteError.beyondTheEnd }
                let bytes = [UInt8](row[Int(range.lowerBound)..<Int(end)])
                finding.answer = .success(.objectContent(bytes))
                return
            case .opened(let opened): content = opened
            }
        }
        contents.inUse.note(object)
        let end = min(content.byteCount, range.upperBound)
        guard range.lowerBound <= end else { throw RemoteError.beyondTheEnd }
        let bytes = try content.read(range.lowerBound..<end)
        if bytes.count <= IPCLimits.inlineContentByteCountMax {
            finding.answer = .success(.objectContent(bytes))
        } else {
            let window = HandedDescriptor(try SealedMemory.make(bytes))
            finding.answer = .success(.window(window, byteCount: UInt64(bytes.count)))
        }
    }

    @discardableResult
    private func lost(
        _ stored: StoredRecord, _ path: StorePath, _ what: String
    ) throws -> Finding.Answer {
        Log.error(
            "the content of a file \(what)",
            ["path": "\(path)", "object": stored.record.object.hex])
        throw RemoteError(
            .internalError, "the content of \(path) \(what)",
            hint: "the disk lost it, or somebody changed the data directory")
    }

    // MARK: Uploads

    private func beginUpload(_ request: BeginUploadRequest, _ finding: inout Finding) throws {
        let (_, sequence) = try reader.snapshot { try checkUpload(request) }
        finding.sequence = sequence
        let free = try directory.freeByteCount()
        let byteCount = contents.byteCountToStage(request.byteCount ?? 0)
        if !space.hasRoom(for: byteCount, free: free) {
            let spare = try reader.stateNumber(KeptSums.spareKey) ?? 0
            guard space.hasRoom(for: byteCount, free: free + UInt64(clamping: spare)) else {
                throw RemoteError.noSpace
            }
            space.want(byteCount)
        }
        let name = ObjectName.staging(request.operation)
        let writing = try Directory.open(name, in: directory.staging, [.readWrite, .create])
        let own = try Directory.open(name, in: directory.staging, [.readOnly])
        let begun = try directory.sealing?.contents.begin(in: writing)
        finding.answer = .success(
            .staging(HandedDescriptor(writing), own: HandedDescriptor(own), begun))
    }

    /// What the own disk can say: an upload without a chance ends before its body.
    private func checkUpload(_ request: BeginUploadRequest) throws {
        let path = request.path
        if try reader.isStaged(request.operation) {
            throw RemoteError(.invalid, "this upload was committed")
        }
        var above = path.parent
        while let directory = above {
            // Of one that is being deleted the commit decides.
            if try reader.record(at: directory) != nil,
                try !tables.queries.isUnsettled(file: directory)
            {
                throw RemoteError(.notDirectory, "\(directory) is a file")
            }
            above = directory.parent
        }
    }
}

extension RemoteError {
    fileprivate static let beyondTheEnd = RemoteError(
        .invalid, "what is asked for is beyond the content's end")

    fileprivate static func damaged(_ how: String) -> RemoteError {
        RemoteError(
            .internalError, "the content is damaged: \(how)",
            hint: "the disk lost it, or somebody changed the data directory")
    }
}
