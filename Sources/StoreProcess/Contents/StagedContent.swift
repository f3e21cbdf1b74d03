internal import Glibc
internal import Model
internal import Posix

/// A durable staging file that a keeper copies.
struct StagedContent {
    var content: LentFile
    var modified: Timestamp

    /// Nil where there is none (any more).
    static func open(
        _ name: BytePath, in staging: borrowing Descriptor
    ) throws(PosixError) -> StagedContent? {
        do throws(PosixError) {
            let file = try Directory.open(name, in: staging)
            let status = try FileIO.status(of: file)
            return StagedContent(
                content: LentFile(
                    file: HandedDescriptor(file), offset: 0,
                    byteCount: UInt64(clamping: status.size)),
                modified: Timestamp(nanoseconds: status.modified))
        } catch {
            if error.code == ENOENT { return nil }
            throw error
        }
    }

    /// Neither it nor its object is there.
    static func missing(_ name: BytePath, _ object: ObjectID) {
        Log.error(
            "the content of a committed upload is not there",
            ["staging": "\(name)", "object": object.hex])
    }
}

/// A keeper that copies staging files instead of giving them another name.
protocol CopyingKeeper: ContentKeeper {
    /// Nil where there is none (any more).
    func open(_ staged: BytePath) throws -> StagedContent?

    func has(_ object: ObjectID) throws -> Bool
}

extension CopyingKeeper {
    func adopt(_ staged: BytePath, as object: ObjectID, budget: inout Int) throws -> Bool {
        guard let file = try open(staged) else {
            // Copied, synced and removed before, unless somebody took it away.
            if try !has(object) { StagedContent.missing(staged, object) }
            return true
        }
        return try copy(
            .file(file.content), as: object, modified: file.modified, budget: &budget)
    }
}
