internal import IPC
internal import Model
internal import Posix
internal import Synchronization

/// Which of the files that are objects nobody but this store has touched, as far as the file system says:
/// inode, size, times. One that somebody may have touched is checked before it is served.
///
/// A file that this life has written, linked or checked is known by what it was like then. Any other is
/// trusted where it changed last in an earlier life of the store, and not between two of them.
final class FileTrust: Sendable {
    /// What a file is like.
    struct Stamp: Hashable, Sendable {
        var inode: UInt64
        var byteCount: Int64
        var modified: Int64
        /// When content or names changed; no program can set it.
        var changed: Int64

        init(inode: UInt64, byteCount: Int64, modified: Int64, changed: Int64) {
            self.inode = inode
            self.byteCount = byteCount
            self.modified = modified
            self.changed = changed
        }

        /// Whether nothing but its names differs, as far as the file system says.
        func isSameContent(as other: Stamp) -> Bool {
            (inode, byteCount, modified) == (other.inode, other.byteCount, other.modified)
        }

        init(_ status: FileStatus) {
            inode = status.inode
            byteCount = status.size
            modified = status.modified
            changed = status.changed
        }
    }

    private let known = Mutex<[ObjectID: Stamp]>([:])
    private let unwatched: UnwatchedTimes
    /// When this life began.
    private let began: Int64

    /// - Parameter began: nanoseconds since 1970.
    init(_ unwatched: UnwatchedTimes, began: Int64) {
        self.unwatched = unwatched
        self.began = began
    }

    func trusts(_ object: ObjectID, _ stamp: Stamp) -> Bool {
        if let known = known.withLock({ $0[object] }) { return known == stamp }
        return stamp.changed < began && !unwatched.contains(stamp.changed)
    }

    /// The file is what it has to be, and like this. Small ones are read wholly and checked each time.
    func note(_ object: ObjectID, _ stamp: Stamp) {
        guard stamp.byteCount > Int64(IPCLimits.inlineContentByteCountMax) else { return }
        known.withLock { known in
            // Those that are forgotten are checked once more.
            if known.count >= StoreLimits.trustedFilesMax { known.removeAll(keepingCapacity: true) }
            known[object] = stamp
        }
    }

    func forget(_ object: ObjectID) { known.withLock { _ = $0.removeValue(forKey: object) } }
}
