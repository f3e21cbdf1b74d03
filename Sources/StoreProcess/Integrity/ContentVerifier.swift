internal import Crypto
internal import Glibc
internal import Model
internal import Posix
internal import Replication

/// A content, and what it has to be.
struct ExpectedContent: Hashable, Sendable {
    var object: ObjectID
    var byteCount: UInt64
    var digest: Model.Digest

    init(object: ObjectID, byteCount: UInt64, digest: Model.Digest) {
        self.object = object
        self.byteCount = byteCount
        self.digest = digest
    }

    init(_ facts: Replication.FileFacts) {
        self.init(object: facts.object, byteCount: facts.byteCount, digest: facts.digest)
    }

    init(_ record: FileRecord) {
        self.init(object: record.object, byteCount: record.byteCount, digest: record.digest)
    }

    /// - Throws: `ContentDamage` where the bytes are not what was stored.
    func check(_ bytes: [UInt8]) throws {
        guard UInt64(bytes.count) == byteCount else {
            throw ContentDamage("it has \(bytes.count) bytes, not \(byteCount)")
        }
        guard ContentCheck.digest(of: bytes) == digest else { throw ContentDamage.digest }
    }
}

/// A content that a path shows, or showed.
struct ExpectedFile: Hashable, Sendable {
    var path: StorePath
    var content: ExpectedContent

    init(_ path: StorePath, _ content: ExpectedContent) {
        self.path = path
        self.content = content
    }
}

extension ContentDamage {
    static let digest = ContentDamage("its bytes are not those that were stored")
    static let lost = ContentDamage("it is not there")
}

/// Reads contents wholly and compares their SHA-256 (FIPS 180-4) with what was stored, for one connection
/// and its thread.
final class ContentVerifier {
    enum Verdict: Equatable, Sendable {
        case good
        case bad(String)
        /// It was good, and its file was changed from outside while it was read.
        case changing
        /// Nothing names it here any more, or it is known not to be here.
        case gone
        /// It could not be read for a reason that says nothing of it.
        case unknown(String)
    }

    /// The check was given up.
    struct Interrupted: Error {}

    private let finder: ContentFinder
    /// Called after so many bytes were read: it may wait, or throw.
    private let read: (Int) throws -> Void

    init(_ finder: ContentFinder, read: @escaping (Int) throws -> Void) {
        self.finder = finder
        self.read = read
    }

    /// - Throws: what `read` throws, and errors of the database.
    func verdict(_ content: ExpectedContent) throws -> Verdict {
        var first = try once(content, isAgain: false)
        // The store itself may have moved or linked it meanwhile.
        for _ in 0..<2 where first == .changing { first = try once(content, isAgain: false) }
        guard case .bad = first else { return first }
        // What is wrong in memory alone is right when it comes from the disk again; and what went
        // meanwhile is no damage.
        return try once(content, isAgain: true)
    }

    private func once(_ content: ExpectedContent, isAgain: Bool) throws -> Verdict {
        do {
            switch try finder.locate(content.object).0 {
            case .nothing: return .gone
            case .lost: throw ContentDamage.lost
            case .row(let bytes):
                try content.check(bytes)
                try read(bytes.count)
            case .opened(let opened):
                try check(opened, content, isAgain: isAgain)
                guard try noteTrust(opened, content.object) else { return .changing }
            }
            return .good
        } catch let damage as ContentDamage {
            return .bad("\(damage)")
        } catch let error as PosixError {
            return error.code == EIO ? .bad("the disk cannot read it") : .unknown("\(error)")
        } catch let obstacle as StorageObstacle {
            return .unknown("\(obstacle)")
        }
    }

    private func check(
        _ opened: StoredContent, _ content: ExpectedContent, isAgain: Bool
    ) throws {
        guard opened.byteCount == content.byteCount else {
            throw ContentDamage("it has \(opened.byteCount) bytes, not \(content.byteCount)")
        }
        if case .file(let lent) = opened, isAgain {
            try lent.file.use { try FileIO.advise($0, .wontNeed) }
        }
        var hasher = SHA256()
        var offset: UInt64 = 0
        while offset < content.byteCount {
            let end = min(content.byteCount, offset + UInt64(StoreLimits.hashedByteCount))
            hasher.update(data: try opened.read(offset..<end))
            try read(Int(end - offset))
            offset = end
        }
        guard Model.Digest(bytes: [UInt8](hasher.finalize())) == content.digest else {
            throw ContentDamage.digest
        }
    }

    /// Where it was like that before its bytes were read, and is afterwards, nobody changed it in between.
    /// - Returns: false where somebody did.
    private func noteTrust(_ opened: StoredContent, _ object: ObjectID) throws -> Bool {
        guard let trust = finder.contents.trust, case .file(let lent) = opened,
            let before = lent.stamp
        else { return true }
        let after = try lent.file.use { FileTrust.Stamp(try FileIO.status(of: $0)) }
        guard before == after else { return false }
        let isSaved = try finder.stamps.stamp(of: object) == before
        trust.note(object, before, isSaved: isSaved)
        return true
    }
}
