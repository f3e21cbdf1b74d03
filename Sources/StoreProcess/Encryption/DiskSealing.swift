internal import Model
internal import Posix
internal import SealedDatabase
internal import Sealing
internal import Synchronization

/// What an encrypted directory is sealed with.
struct DiskSealing: Sendable {
    let contents: ContentSealing
    /// The database's.
    let files: SealedFiles

    init(_ ring: KeyRing, _ path: BytePath) throws {
        contents = ContentSealing(ring: ring)
        var entropy = Entropy()
        files = try SealedFiles(PageSealer(ring, using: &entropy)) { fault in
            // Whatever stands there was not written by this node: nothing of it is believed.
            Log.error(
                "the database is damaged or was changed from outside, this process ends",
                ["file": "\(path)/meta/\(Schema.fileName)", "what": "\(fault)"])
            ProcessEnd.now(ProcessEnd.crashed)
        }
    }
}

/// Seals contents, and opens what was sealed.
struct ContentSealing: Sendable {
    let ring: KeyRing

    /// What stored objects have for the times of their files, which are nobody's business.
    static let modified = Timestamp(nanoseconds: 0)

    static let beginning = Mutex(())

    /// A content that is about to be written to a staging file.
    func begin(_ object: ObjectID) -> ContentKey {
        var entropy = Entropy()
        return ContentKey.make(object, ring, using: &entropy)
    }

    func sealed(_ content: NewObject) -> NewObject {
        var entropy = Entropy()
        return NewObject(
            object: content.object, modified: ContentSealing.modified,
            bytes: ContentSealer.sealed(content.bytes, content.object, ring, using: &entropy))
    }

    /// What was stored whole.
    func open(_ stored: StoredContent, of object: ObjectID) throws -> StoredContent {
        let opener = try header(of: stored, object)
        guard let byteCount = opener.layout.contentByteCount(ofStored: stored.byteCount) else {
            throw ContentDamage("\(stored.byteCount) stored bytes are no encrypted content")
        }
        return .ranges(
            SealedContent(stored: stored, opener: opener, byteCount: byteCount, isWhole: true))
    }

    /// A staging file, which may still be written: then so much of it as is sealed.
    func openStaged(_ stored: StoredContent, of object: ObjectID) throws -> StoredContent {
        let opener = try header(of: stored, object)
        if let byteCount = opener.layout.contentByteCount(ofStored: stored.byteCount) {
            let whole = SealedContent(
                stored: stored, opener: opener, byteCount: byteCount, isWhole: true)
            if whole.hasEnd() { return .ranges(whole) }
        }
        return .ranges(
            SealedContent(
                stored: stored, opener: opener,
                byteCount: opener.layout.growingByteCount(ofStored: stored.byteCount),
                isWhole: false))
    }

    /// Which data key it is sealed under.
    func epoch(of stored: StoredContent) throws -> UInt32 {
        let count = UInt64(ContentKey.headerByteCount)
        guard stored.byteCount >= count else {
            throw ContentDamage("\(stored.byteCount) stored bytes are no encrypted content")
        }
        let bytes = try stored.read(0..<count)
        do throws(SealError) {
            return try ContentHeader(bytes).epoch
        } catch {
            throw ContentDamage("\(error)")
        }
    }

    private func header(of stored: StoredContent, _ object: ObjectID) throws -> ContentOpener {
        let count = UInt64(ContentKey.headerByteCount)
        guard stored.byteCount >= count else {
            throw ContentDamage("\(stored.byteCount) stored bytes are no encrypted content")
        }
        let header = try stored.read(0..<count)
        do throws(SealError) {
            return try ContentOpener(header, of: object, ring)
        } catch {
            throw ContentDamage("\(error)")
        }
    }
}

/// A content that is opened piece by piece.
struct SealedContent: RangedContent {
    let stored: StoredContent
    let opener: ContentOpener
    let byteCount: UInt64
    /// Whether its end is there, and is authenticated as that.
    let isWhole: Bool

    func read(_ range: Range<UInt64>) throws -> [UInt8] {
        if range.isEmpty, !isWhole { return [] }
        let run = opener.layout.run(covering: range, of: byteCount)
        let bytes = try stored.read(run.stored)
        let opened: [UInt8]
        do throws(SealError) {
            opened = try opener.open(
                bytes[...], firstChunk: run.firstChunk, endsContent: run.endsContent && isWhole)
        } catch {
            throw ContentDamage("\(error)")
        }
        if range == run.content { return opened }
        let start = Int(range.lowerBound - run.content.lowerBound)
        return Array(opened[start..<start + Int(range.upperBound - range.lowerBound)])
    }

    /// Whether the last chunk ends the content.
    func hasEnd() -> Bool {
        do {
            _ = try read(byteCount - min(1, byteCount)..<byteCount)
            return true
        } catch {
            return false
        }
    }
}
