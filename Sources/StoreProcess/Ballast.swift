internal import Glibc
internal import Posix

/// Disk space held back for what must go on when the disk is full: deletions, and the log that
/// they need. Let go at the first refusal of the disk, taken again once there is room.
///
/// Belongs to the writer's thread.
struct Ballast: ~Copyable {
    private let file: Descriptor
    private(set) var isHeld: Bool

    /// Opens `meta/ballast`; what an earlier life let go stays so until `hold`.
    init(_ directory: DataDirectory) throws {
        let opened = try Directory.open("ballast", in: directory.meta, [.readWrite, .create])
        let status = try FileIO.status(of: opened)
        file = opened
        isHeld = status.size == Int64(StoreLimits.ballastByteCount)
    }

    /// Takes the space, where `free` bytes leave enough besides; true while it is held.
    mutating func hold(free: UInt64) -> Bool {
        if isHeld { return true }
        guard free >= StoreLimits.ballastByteCount + 2 * StoreLimits.freeByteCountReserve else {
            return false
        }
        do {
            let count = Int64(StoreLimits.ballastByteCount)
            try FileIO.reserve(file, count: count)
            try FileIO.truncate(file, to: count)
            isHeld = true
        } catch  where error.code == EOPNOTSUPP {
            // A file system without reservations: the free space itself is all there is.
            return true
        } catch {
            Log.warning("no space can be held back", ["error": "\(error)"])
        }
        return isHeld
    }

    /// Lets the space go; false where it was gone before.
    mutating func release() throws -> Bool {
        guard isHeld else { return false }
        try FileIO.truncate(file, to: 0)
        isHeld = false
        return true
    }
}
