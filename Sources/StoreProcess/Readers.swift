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
    /// A content by its object: for another node, which may ask for one that no path shows; or for a
    /// client, who is given what it has to be.
    case object(ObjectID, ExpectedFile? = nil)
    /// So much of a content that its kind of storage cannot lend as a file.
    case window(ObjectID, Range<UInt64>)
    /// The files of these partitions, for people.
    case partitionFiles([Partition])
    /// For people who look into the state: a file's register, partitions with files, files' keys.
    case register(StorePath)
    case filePartitions(after: Partition?, limit: Int)
    case walk(RecordWalk)
    case trash(TrashWalk)
    /// Which of these files have versions without a good copy here.
    case damaged([StorePath])
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
        /// Somebody else may have changed its file: it is checked first.
        case unchecked(ExpectedFile)
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
        case damaged(Set<StorePath>)
    }

    var ticket: UInt64
    /// The commits that it saw.
    var sequence: UInt64
    var answer: Result<Answer, RemoteError>
    /// A content that does not seem to be what was stored.
    var suspect: ExpectedFile?
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
    private let finder: ContentFinder
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
        finder = ContentFinder(
            reader: reader, tables: tables, stamps: try FileStamps(database), directory: directory,
            contents: contents)
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
            case .object(let object, let expected):
                finding.suspect = expected
                try openObject(object, expected, &finding)
                finding.suspect = nil
            case .window(let object, let range): try readWindow(object, range, &finding)
            default: try answerPeople(question, &finding)
            }
        } catch let error as RemoteError {
            finding.answer = .failure(error)
            finding.suspect = nil
        } catch let damage as ContentDamage {
            let path = finding.suspect.map { "\($0.path)" } ?? ""
            Log.error("a content is damaged", ["how": "\(damage)", "path": path])
            finding.answer = .failure(.damaged("\(damage)"))
        } catch {
            Log.error("a read failed", ["error": "\(error)"])
            finding.suspect = nil
        }
        return finding
    }

    /// What people look at, and checks of contents.
    private func answerPeople(_ question: Question, _ finding: inout Finding) throws {
        switch question {
        case .register(let path):
            let (register, sequence) = try reader.snapshot { try self.register(at: path) }
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
        case .damaged(let paths):
            let (damaged, sequence) = try reader.snapshot { try self.damaged(among: paths) }
            finding.sequence = sequence
            finding.answer = .success(.damaged(damaged))
        case .partitionFiles(let partitions):
            let (files, sequence) = try reader.snapshot {
                try tables.queries.files(of: partitions)
            }
            finding.sequence = sequence
            finding.answer = .success(.partitionFiles(files))
        case .lookup, .list, .sums, .beginUpload, .storage, .lacking, .object, .window:
            preconditionFailure("it is answered before")
        }
    }

    private func damaged(among paths: [StorePath]) throws -> Set<StorePath> {
        var found: Set<StorePath> = []
        for path in paths {
            guard let register = try register(at: path) else { continue }
            let isLacking = try register.versionsWithContent.contains { version in
                guard let facts = version.value.facts else { return false }
                return try register.damaged.contains(version.dot)
                    || tables.queries.object(facts.object)?.state != .here
            }
            if isLacking { found.insert(path) }
        }
        return found
    }

    private func register(at path: StorePath) throws -> Register? {
        if let row = try tables.queries.register(.file(path)) { return row.register }
        return try reader.record(at: path).map { Register(head: $0.version) }
    }

    // MARK: Look-ups

    private enum Found {
        case nothing
        case directory(Timestamp)
        case file(StoredRecord, row: [UInt8]?)
        /// Its content was found to be damaged, or did not come yet.
        case fileAlone(StoredRecord)
        case unsettled
    }

    private func lookUp(_ request: LookupRequest, _ finding: inout Finding) throws {
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
            case .fileAlone:
                throw RemoteError.noGoodCopy(of: request.path)
            case .file(let stored, let row):
                if !request.wantsContent {
                    finding.answer = .success(.file(stored))
                    return
                }
                finding.suspect = ExpectedFile(request.path, ExpectedContent(stored.record))
                defer { if case .success = finding.answer { finding.suspect = nil } }
                if let row {
                    finding.answer = .success(.content(stored, row))
                    return
                }
                switch try finder.locate(stored.record.object).0 {
                case .row(let bytes): finding.answer = .success(.content(stored, bytes))
                case .opened(let content):
                    finding.answer = .success(try answer(stored, request.path, content))
                case .lost: throw ContentDamage.lost
                // Replaced in between: look again.
                case .nothing: continue
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
        guard wantsContent else { return .file(stored, row: nil) }
        guard try tables.queries.object(stored.record.object)?.state == .here else {
            return .fileAlone(stored)
        }
        return .file(stored, row: try reader.content(of: stored))
    }

    /// A content that was found in its place.
    /// - Throws: `ContentDamage` where it is seen not to be what was stored.
    private func answer(
        _ stored: StoredRecord, _ path: StorePath, _ content: StoredContent
    ) throws -> Finding.Answer {
        let expected = ExpectedFile(path, ExpectedContent(stored.record))
        switch try checked(content, expected) {
        case .bytes(let bytes): return .content(stored, bytes)
        case .file(let file): return .descriptor(stored, file)
        case .windows:
            contents.inUse.begin(stored.record.object)
            return .windows(stored)
        case .unchecked: return .unchecked(expected)
        }
    }

    private enum Checked {
        case bytes([UInt8])
        case file(LentFile)
        case windows
        case unchecked
    }

    /// A small content is read and checked; of a large one it is looked whether it may have been changed.
    /// - Throws: `ContentDamage` where it is seen not to be what was stored.
    private func checked(_ content: StoredContent, _ file: ExpectedFile) throws -> Checked {
        let expected = file.content
        guard content.byteCount == expected.byteCount else {
            throw ContentDamage("it has \(content.byteCount) bytes, not \(expected.byteCount)")
        }
        if expected.byteCount <= UInt64(IPCLimits.inlineContentByteCountMax) {
            let bytes = try content.read(content.whole)
            try expected.check(bytes)
            return .bytes(bytes)
        }
        guard case .file(let lent) = content else { return .windows }
        if let trust = contents.trust, let stamp = lent.stamp,
            try !trust.trusts(expected.object, stamp, saved: finder.stamps.stamp(of:))
        {
            return .unchecked
        }
        return .file(lent)
    }

    /// - Throws: `RemoteError` where the object is not here.
    private func locate(
        _ object: ObjectID, _ finding: inout Finding
    ) throws -> ContentFinder.Located {
        let (located, sequence) = try finder.locate(object)
        finding.sequence = sequence
        switch located {
        case .nothing: throw RemoteError(.notFound, "no content \(object) is here")
        case .lost: throw ContentDamage.lost
        case .row, .opened: return located
        }
    }

    private func openObject(
        _ object: ObjectID, _ expected: ExpectedFile?, _ finding: inout Finding
    ) throws {
        switch try locate(object, &finding) {
        case .nothing, .lost: preconditionFailure("they throw")
        case .row(let row): finding.answer = .success(.objectContent(row))
        case .opened(let content):
            guard let expected else {
                if case .ranges = content { contents.inUse.begin(object) }
                finding.answer = .success(.objectOpened(content))
                return
            }
            switch try checked(content, expected) {
            case .bytes(let bytes): finding.answer = .success(.objectContent(bytes))
            case .file(let file): finding.answer = .success(.objectOpened(.file(file)))
            case .windows:
                contents.inUse.begin(object)
                finding.answer = .success(.objectOpened(content))
            case .unchecked: finding.answer = .success(.unchecked(expected))
            }
        }
    }

    // MARK: Windows

    /// The object may have lost its name since its reader began: it is there all the same for a while.
    private func readWindow(
        _ object: ObjectID, _ range: Range<UInt64>, _ finding: inout Finding
    ) throws {
        let content: StoredContent
        if let stored = try finder.open(object) {
            content = stored
        } else {
            switch try locate(object, &finding) {
            case .nothing, .lost: preconditionFailure("they throw")
            case .row(let row):
                let end = min(UInt64(row.count), range.upperBound)
                guard range.lowerBound <= end else { throw RemoteError.beyondTheEnd }
                let bytes = [UInt8](row[Int(range.lowerBound)..<Int(end)])
                finding.answer = .success(.objectContent(bytes))
                return
            case .opened(let opened): content = opened
            }
        }
        let end = min(content.byteCount, range.upperBound)
        guard range.lowerBound <= end else { throw RemoteError.beyondTheEnd }
        contents.inUse.took(
            object, isLast: range.lowerBound < end && end == content.byteCount)
        let bytes = try content.read(range.lowerBound..<end)
        if bytes.count <= IPCLimits.inlineContentByteCountMax {
            finding.answer = .success(.objectContent(bytes))
        } else {
            let window = HandedDescriptor(try SealedMemory.make(bytes))
            finding.answer = .success(.window(window, byteCount: UInt64(bytes.count)))
        }
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

    static func noGoodCopy(of path: StorePath) -> RemoteError {
        RemoteError(
            .internalError, "no good copy of the content of \(path) is here or in reach",
            hint: "write the file again, restore one of its versions, or start a node that has it")
    }

    static func notChecked(_ path: StorePath) -> RemoteError {
        RemoteError(
            .unavailable,
            "the content of \(path) was changed from outside and cannot be checked now",
            hint: "see that nothing writes below the data directory, then try again")
    }

    fileprivate static func damaged(_ how: String) -> RemoteError {
        RemoteError(
            .internalError, "the content is damaged: \(how)",
            hint: "the disk lost it, or somebody changed the data directory")
    }
}
