internal import IPC
internal import Model
internal import Posix
internal import Sealing
internal import Synchronization

/// A staging file for a gateway.
struct Staging: Sendable {
    /// Open for writing.
    var file: HandedDescriptor
    /// How the gateway has to seal what it writes; nil: not at all.
    var sealing: StagingSealing?

    init(_ file: HandedDescriptor, _ key: ContentKey?, endsContent: Bool = true) {
        self.file = file
        sealing = key.map {
            StagingSealing(header: $0.header, key: $0.key, endsContent: endsContent)
        }
    }
}

/// A staging file whose content is sealed, and what object it will be: the key is bound to that.
struct BegunContent: Sendable {
    var object: ObjectID
    var key: ContentKey
}

// Staging files, which gateways write: sealed under the key of their content alone.
extension ContentSealing {
    /// Begins a content in an empty file, or goes on with one that was begun.
    /// - Parameter object: nil: a new one.
    func begin(
        in file: borrowing Descriptor, _ object: ObjectID? = nil
    ) throws -> BegunContent {
        // A begin that is sent again may be with another thread: one of them writes the header.
        try ContentSealing.beginning.withLock { _ in try begun(in: file, object) }
    }

    private func begun(
        in file: borrowing Descriptor, _ object: ObjectID?
    ) throws -> BegunContent {
        let header = try FileIO.read(file, count: ContentKey.headerByteCount, at: 0)
        if header.count == ContentKey.headerByteCount {
            let opener = try ContentOpener(header, ring)
            return BegunContent(object: opener.object, key: try ContentKey(of: header, ring))
        }
        var entropy = Entropy()
        let object = object ?? ObjectID(using: &entropy)
        let key = begin(object)
        try FileIO.write(key.header, to: file, at: 0)
        return BegunContent(object: object, key: key)
    }

    /// Looks whether a whole content of so many bytes is there: its size, and that its end is one.
    /// - Returns: which object it is.
    func check(
        _ file: borrowing Descriptor, storedByteCount: UInt64, byteCount: UInt64
    ) throws -> ObjectID {
        let opener = try ContentOpener(
            try FileIO.read(file, count: ContentKey.headerByteCount, at: 0), ring)
        let layout = opener.layout
        guard byteCount <= layout.contentByteCountMax,
            storedByteCount == layout.storedByteCount(of: byteCount)
        else { throw SealError.notAuthentic }
        _ = try opener.read(
            byteCount - min(1, byteCount)..<byteCount, of: byteCount, in: file)
        return opener.object
    }
}

extension ContentOpener {
    /// Bytes of a content in an open file.
    /// - Parameter byteCount: of the whole content; one that is still written has more than all that is
    ///   read of it.
    func read(
        _ range: Range<UInt64>, of byteCount: UInt64, in file: borrowing Descriptor
    ) throws -> [UInt8] {
        let run = layout.run(covering: range, of: byteCount)
        let stored = try FileIO.read(
            file, count: run.stored.count, at: Int64(clamping: run.stored.lowerBound))
        let bytes = try open(
            stored[...], firstChunk: run.firstChunk, endsContent: run.endsContent)
        let start = Int(range.lowerBound - run.content.lowerBound)
        // Whole chunks may be missing at the end of a file that lost some of it.
        guard bytes.count >= start + range.count else { throw SealError.notAuthentic }
        return Array(bytes[start..<start + range.count])
    }
}

extension StagingFile {
    /// The content of a staging file, as far as it is there.
    static func content(
        _ operation: OperationID, of object: ObjectID, _ directory: DataDirectory
    ) throws -> StoredContent {
        let stored = StoredContent.file(try lend(operation, directory))
        guard let sealing = directory.sealing else { return stored }
        return try sealing.contents.openStaged(stored, of: object)
    }
}
