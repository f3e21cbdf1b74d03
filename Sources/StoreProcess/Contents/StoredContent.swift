internal import Glibc
internal import Model
internal import Posix

/// A stretch of an open file that is a stored content: who sends it need not read it.
struct LentFile: Sendable {
    let file: HandedDescriptor
    /// Where the content begins in the file.
    let offset: UInt64
    let byteCount: UInt64
    /// What the file was like when it was opened, where the content is all of it.
    var stamp: FileTrust.Stamp?

    init(
        file: HandedDescriptor, offset: UInt64, byteCount: UInt64, stamp: FileTrust.Stamp? = nil
    ) {
        self.file = file
        self.offset = offset
        self.byteCount = byteCount
        self.stamp = stamp
    }

    /// Exactly these bytes of the content.
    /// - Throws: `ContentDamage` where the file ends before.
    func read(_ range: Range<UInt64>) throws -> [UInt8] {
        let bytes: [UInt8]?
        do {
            bytes = try file.use { file in
                try FileIO.read(
                    file, count: range.count, at: Int64(clamping: offset + range.lowerBound))
            }
        } catch let error as PosixError where error.code == EIO {
            throw ContentDamage("the disk cannot read it")
        }
        guard let bytes, bytes.count == range.count else {
            throw ContentDamage("its file ends before its content does")
        }
        return bytes
    }
}

/// A content that has to be read piece by piece, from any thread.
protocol RangedContent: Sendable {
    var byteCount: UInt64 { get }

    /// Exactly these bytes; the range lies within the content.
    /// - Throws: `ContentDamage` where they are not there, or not what was stored.
    func read(_ range: Range<UInt64>) throws -> [UInt8]
}

/// The stored bytes of an object, open for reading.
enum StoredContent: Sendable {
    case file(LentFile)
    case ranges(any RangedContent)

    var byteCount: UInt64 {
        switch self {
        case .file(let file): file.byteCount
        case .ranges(let content): content.byteCount
        }
    }

    /// Exactly these bytes; the range lies within the content.
    func read(_ range: Range<UInt64>) throws -> [UInt8] {
        switch self {
        case .file(let file): try file.read(range)
        case .ranges(let content): try content.read(range)
        }
    }

    var whole: Range<UInt64> { 0..<byteCount }
}

/// What is on the disk is not what was stored there.
struct ContentDamage: Error, CustomStringConvertible {
    /// For people, after "the content of PATH: ".
    let description: String

    init(_ description: String) { self.description = description }
}

/// A sync failed: whatever its error says, nobody knows what is on the disk, and the process ends.
struct SyncFailure: Error, CustomStringConvertible {
    let description: String

    init(_ error: any Error) { description = "\(error)" }
}

/// What a kind of storage could not do now, and may be able to do later. The transaction under way is
/// undone; whoever asked for it keeps what it is made from.
struct StorageObstacle: Error, CustomStringConvertible {
    let description: String
    /// The disk is full.
    let isFull: Bool

    init(_ description: String, isFull: Bool = false) {
        self.description = description
        self.isFull = isFull
    }
}
