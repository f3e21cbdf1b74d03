internal import IPC
internal import Model
internal import Posix
internal import Synchronization

/// Which of the files that are objects nobody but this store has touched, as far as the file system says:
/// inode, size, times. One that somebody may have touched is checked before it is served.
///
/// What a file is like is noted when the store has made, linked or checked it: here at once, and in the
/// object's row with a transaction that comes anyway (`FileStamps`). So it matters not when somebody
/// changes a file, in this life, in an earlier one or between two; a note that a death lost costs one more
/// check.
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

        /// That of no file.
        fileprivate static let none = Stamp(inode: 0, byteCount: -1, modified: 0, changed: 0)
    }

    private struct State {
        var known: [ObjectID: Stamp] = [:]
        /// Of those: what no row says yet.
        var unsaved: [ObjectID: Stamp] = [:]
        /// Those that are known, by their inodes.
        var objects: [UInt64: ObjectID] = [:]

        mutating func set(_ object: ObjectID, _ stamp: Stamp) {
            // Those that are forgotten are looked up in their rows, or checked once more.
            if known.count >= StoreLimits.trustedFilesMax {
                known.removeAll(keepingCapacity: true)
                objects.removeAll(keepingCapacity: true)
            }
            if let old = known[object] { objects[old.inode] = nil }
            known[object] = stamp
            if stamp != .none { objects[stamp.inode] = object }
        }
    }

    private let state = Mutex(State())

    /// - Parameter saved: what the object's row says; asked where nothing is known here.
    func trusts(
        _ object: ObjectID, _ stamp: Stamp, saved: (ObjectID) throws -> Stamp?
    ) throws -> Bool {
        if let known = state.withLock({ $0.known[object] }) { return known == stamp }
        guard try saved(object) == stamp else { return false }
        state.withLock { state in
            // What was noted meanwhile is newer than the row.
            if state.known[object] == nil { state.set(object, stamp) }
        }
        return true
    }

    /// The file is what it has to be, and like this. Small ones are read wholly and checked each time.
    /// - Parameter isSaved: its row says so already.
    func note(_ object: ObjectID, _ stamp: Stamp, isSaved: Bool = false) {
        guard stamp.byteCount > Int64(IPCLimits.inlineContentByteCountMax) else { return }
        state.withLock { state in
            state.set(object, stamp)
            if isSaved {
                state.unsaved[object] = nil
                return
            }
            if state.unsaved.count >= StoreLimits.trustedFilesMax { state.unsaved = [:] }
            state.unsaved[object] = stamp
        }
    }

    /// Whose file it is, where it is known.
    func object(of inode: UInt64) -> ObjectID? { state.withLock { $0.objects[inode] } }

    /// It is not what it has to be, whatever its row says.
    func distrust(_ object: ObjectID) {
        state.withLock { state in
            state.unsaved[object] = nil
            state.set(object, .none)
        }
    }

    /// What is to be written down.
    func takeUnsaved() -> [ObjectID: Stamp] {
        state.withLock { state in
            defer { state.unsaved = [:] }
            return state.unsaved
        }
    }
}
