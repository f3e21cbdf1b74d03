internal import Glibc
internal import Model
internal import Posix

/// The tree `files/`: hard links of the objects under the files' own names, for people and their
/// tools. Nothing here is ever read by the store.
///
/// What lies there and is not a link of an object (it has one name only) belongs to somebody else
/// and is never replaced or removed. Belongs to the housekeeper's thread.
final class View {
    /// What the store has at a path.
    enum Truth {
        case file(ObjectID)
        case directory
        case nothing
    }

    /// A view that cannot be made: a warning, no error.
    struct Obstacle: Error {
        let text: String
    }

    private let directory: DataDirectory
    private let raw: RawFiles
    /// The directory of the last path: neighbours come one after the other.
    private var lastParent: (path: StorePath, descriptor: DescriptorBox)?
    /// Files that lost a name here, or are about to, as they were before.
    private var unnamed: [FileStatus] = []

    init(_ directory: DataDirectory, _ raw: RawFiles) {
        self.directory = directory
        self.raw = raw
    }

    /// Forgets what may have changed on the disk meanwhile.
    func beginRound() { lastParent = nil }

    /// Files that lost a name since it was asked last, as they were before that: their objects may have others.
    func takeUnnamed() -> [FileStatus] {
        defer { unnamed = [] }
        return unnamed
    }

    /// Makes the view of `path` show `truth`.
    /// - Parameter exists: whether a directory is in the store.
    /// - Returns: false for a file whose object is not there (yet).
    func show(
        _ truth: Truth, at path: StorePath, exists: (StorePath) throws -> Bool
    ) throws -> Bool {
        if path.isRoot { return true }
        do {
            switch truth {
            case .file(let object): return try link(object, as: path)
            case .directory: _ = try makeDirectories(path)
            case .nothing: try remove(path, exists: exists)
            }
            return true
        } catch let error as PosixError {
            throw Obstacle(text: "\(error)")
        }
    }

    // MARK: Files

    private func link(_ object: ObjectID, as path: StorePath) throws -> Bool {
        let parent = try parentDescriptor(path)
        let name = BytePath(path.name)
        let source = ObjectName.path(object)
        do throws(PosixError) {
            try Directory.link(source, in: raw.objects, as: name, in: parent)
            return true
        } catch {
            if error.code == ENOENT {
                if try Directory.status(of: source, in: raw.objects) == nil { return false }
                throw error
            }
            if error.code != EEXIST { throw error }
        }
        try makeWay(name, in: parent)
        // Beside the view, so that a reader of the tree never sees it.
        let temporary = BytePath("view-\(object.hex)")
        _ = try Directory.removeIfPresent(temporary, in: directory.staging)
        try Directory.link(source, in: raw.objects, as: temporary, in: directory.staging)
        try Directory.rename(temporary, in: directory.staging, to: name, in: parent)
        // Of two names of one file rename keeps both: the view was right already.
        _ = try Directory.removeIfPresent(temporary, in: directory.staging)
        return true
    }

    /// Makes sure that what has the name may be renamed over.
    private func makeWay(_ name: BytePath, in parent: borrowing Descriptor) throws {
        guard let status = try Directory.status(of: name, in: parent) else { return }
        switch status.kind {
        case .regular where status.linkCount > 1: unnamed.append(status)
        case .directory: try Directory.remove(name, in: parent, isDirectory: true)
        default: throw Obstacle(text: "something that is not the store's has this name")
        }
    }

    private func remove(
        _ path: StorePath, exists: (StorePath) throws -> Bool
    ) throws {
        lastParent = nil
        var path = path
        while let above = path.parent {
            do throws(PosixError) {
                let parent = try openDirectory(above)
                try removeName(BytePath(path.name), in: parent)
            } catch {
                // Not there, or somebody's things are within: the way up ends here.
                if [ENOENT, ENOTDIR, ENOTEMPTY, EEXIST].contains(error.code) { return }
                throw error
            }
            if try above.isRoot || exists(above) { return }
            path = above
        }
    }

    /// Takes `object` out of the view where it is still shown at `path`; false where it is not.
    func hide(_ object: ObjectID, at path: StorePath) throws(PosixError) -> Bool {
        guard let status = try Directory.status(of: ObjectName.path(object), in: raw.objects),
            status.linkCount > 1
        else { return false }
        let name = BytePath(path.name)
        do throws(PosixError) {
            let parent = try openDirectory(path.parent ?? .root)
            guard let shown = try Directory.status(of: name, in: parent),
                shown.inode == status.inode
            else { return false }
            try Directory.remove(name, in: parent)
            return true
        } catch {
            // No such directory, or a link in the way: then it is not shown.
            if [ENOENT, ENOTDIR, ELOOP].contains(error.code) { return false }
            throw error
        }
    }

    private func removeName(
        _ name: BytePath, in parent: borrowing Descriptor
    ) throws(PosixError) {
        guard let status = try Directory.status(of: name, in: parent) else { return }
        switch status.kind {
        case .directory: try Directory.remove(name, in: parent, isDirectory: true)
        case .regular where status.linkCount > 1:
            unnamed.append(status)
            try Directory.remove(name, in: parent)
        default: throw PosixError(ENOTEMPTY, "view")
        }
    }

    // MARK: Directories

    private func parentDescriptor(_ path: StorePath) throws -> Descriptor {
        let above = path.parent ?? .root
        if let lastParent, lastParent.path == above, let raw = lastParent.descriptor.rawValue {
            return try BorrowedDescriptor.duplicate(raw)
        }
        let found: Descriptor
        do throws(PosixError) {
            found = try openDirectory(above)
        } catch {
            if error.code != ENOENT && error.code != ENOTDIR { throw error }
            return try makeDirectories(above)
        }
        lastParent = (above, DescriptorBox(try found.duplicate()))
        return found
    }

    private func openDirectory(_ path: StorePath) throws(PosixError) -> Descriptor {
        let relative = path.isRoot ? [UInt8(ascii: ".")] : [UInt8](path.bytes.dropFirst())
        return try Directory.openBeneath(
            BytePath(relative), in: raw.files, [.readOnly, .directory])
    }

    /// Makes the directory and those above it. A file of ours in the way is the view of one that
    /// is no more.
    private func makeDirectories(_ path: StorePath) throws -> Descriptor {
        lastParent = nil
        var current = try raw.files.duplicate()
        for component in path.components {
            let name = BytePath(component)
            let flags: Directory.Flags = [.readOnly, .directory, .noFollow]
            do throws(PosixError) {
                let next = try Directory.open(name, in: current, flags)
                current = next
                continue
            } catch {
                if error.code == ENOTDIR {
                    try makeWay(name, in: current)
                    try Directory.remove(name, in: current)
                } else if error.code != ENOENT {
                    throw error
                }
            }
            _ = try Directory.makeIfMissing(name, in: current)
            let next = try Directory.open(name, in: current, flags)
            current = next
        }
        return current
    }
}

/// A descriptor of somebody else, for one call.
enum BorrowedDescriptor {
    static func duplicate(_ raw: Int32) throws(PosixError) -> Descriptor {
        let borrowed = Descriptor(owning: raw)
        do throws(PosixError) {
            let copy = try borrowed.duplicate()
            _ = borrowed.release()
            return copy
        } catch {
            _ = borrowed.release()
            throw error
        }
    }
}
