internal import Glibc
internal import Model
internal import Posix

/// A file of `extent/segments/`, named by its number in 16 hexadecimal digits: entries, one after the
/// other. What is in it is never changed; the file goes when nothing in it is wanted any more.
struct ExtentSegment: Sendable {
    let number: UInt64
    let file: HandedDescriptor

    static func name(_ number: UInt64) -> BytePath {
        let digits = String(number, radix: 16)
        return BytePath(String(repeating: "0", count: 16 - digits.count) + digits)
    }

    static func number(of name: [UInt8]) -> UInt64? {
        guard name.count == 16 else { return nil }
        return UInt64(String(decoding: name, as: UTF8.self), radix: 16)
    }

    /// Nil where the file is missing.
    static func open(
        _ number: UInt64, in folder: borrowing Descriptor, _ flags: Directory.Flags = .readOnly
    ) throws(PosixError) -> ExtentSegment? {
        do throws(PosixError) {
            let file = try Directory.open(name(number), in: folder, flags)
            return ExtentSegment(number: number, file: HandedDescriptor(file))
        } catch {
            if error.code == ENOENT { return nil }
            throw error
        }
    }

    func byteCount() throws -> UInt64 {
        try file.use { UInt64(clamping: try FileIO.status(of: $0).size) } ?? 0
    }

    func read(_ range: Range<UInt64>) throws -> [UInt8] {
        do {
            return try file.use { file in
                try FileIO.read(file, count: range.count, at: Int64(clamping: range.lowerBound))
            } ?? []
        } catch let error as PosixError where error.code == EIO {
            throw ContentDamage("the disk cannot read it")
        }
    }

    func write(_ bytes: [UInt8], at place: UInt64) throws {
        try file.use { try FileIO.write(bytes, to: $0, at: Int64(clamping: place)) }
    }

    func truncate(to byteCount: UInt64) throws {
        try file.use { try FileIO.truncate($0, to: Int64(clamping: byteCount)) }
    }

    func syncData() throws(SyncFailure) {
        do {
            try file.use { try FileIO.syncData($0) }
        } catch {
            throw SyncFailure(error)
        }
    }

    /// The content of an entry that the index says is here.
    /// - Throws: `ContentDamage` where something else is, or not all of it.
    func content(of entry: ExtentEntry) throws -> LentFile {
        let header = try read(entry.place..<entry.contentPlace)
        guard header.count == Int(ExtentEntry.headerByteCount) else {
            throw ContentDamage("its segment \(ExtentSegment.name(number)) ends before it")
        }
        guard entry.matches(header) else {
            throw ContentDamage("its header in segment \(ExtentSegment.name(number)) is damaged")
        }
        guard try byteCount() >= entry.contentPlace + entry.byteCount else {
            throw ContentDamage("its segment \(ExtentSegment.name(number)) ends within it")
        }
        return LentFile(file: file, offset: entry.contentPlace, byteCount: entry.byteCount)
    }
}
