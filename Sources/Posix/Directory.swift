internal import CPosix
internal import Glibc

/// Names: opening, making, linking, renaming and removing them, always relative to an open
/// directory (`.workingDirectory` for absolute paths).
package enum Directory {
    /// How a file is opened.
    package struct Flags: OptionSet, Sendable {
        package let rawValue: Int32
        package init(rawValue: Int32) { self.rawValue = rawValue }

        package static let readOnly = Flags(rawValue: O_RDONLY)
        package static let writeOnly = Flags(rawValue: O_WRONLY)
        package static let readWrite = Flags(rawValue: O_RDWR)
        package static let create = Flags(rawValue: O_CREAT)
        /// With `create`: fails with `EEXIST` where the name is taken.
        package static let exclusive = Flags(rawValue: O_EXCL)
        package static let truncate = Flags(rawValue: O_TRUNC)
        package static let append = Flags(rawValue: O_APPEND)
        package static let directory = Flags(rawValue: O_DIRECTORY)
        package static let noFollow = Flags(rawValue: O_NOFOLLOW)
        package static let nonblocking = Flags(rawValue: O_NONBLOCK)
        /// A name for a place; neither readable nor writable.
        package static let pathOnly = Flags(rawValue: 0o10000000)
        /// A file without a name in the directory that is opened; `link` names it.
        package static let unnamed = Flags(rawValue: 0o20000000 | O_DIRECTORY)
    }

    /// Opens `path`, CLOEXEC.
    package static func open(
        _ path: BytePath, in directory: borrowing Descriptor, _ flags: Flags = .readOnly,
        mode: UInt32 = 0o600
    ) throws(PosixError) -> Descriptor {
        let raw = directory.rawValue
        let opened = unsafe try path.call("openat") { path in
            unsafe cposix_open(raw, path, flags.rawValue, mode)
        }
        return Descriptor(owning: opened)
    }

    /// Opens `path` without following symbolic links or leaving `directory` by `..`.
    /// - Throws: `ELOOP` at a link, `EXDEV` at the way out.
    package static func openBeneath(
        _ path: BytePath, in directory: borrowing Descriptor, _ flags: Flags = .readOnly,
        mode: UInt32 = 0o600
    ) throws(PosixError) -> Descriptor {
        let raw = directory.rawValue
        // openat2 refuses a mode where nothing is created.
        let creates = flags.contains(.create) || flags.contains(.unnamed)
        let opened = unsafe try path.call("openat2") { path in
            unsafe cposix_open_beneath(raw, path, flags.rawValue, creates ? mode : 0)
        }
        return Descriptor(owning: opened)
    }

    /// Makes a directory.
    package static func make(
        _ path: BytePath, in directory: borrowing Descriptor, mode: UInt32 = 0o700
    ) throws(PosixError) {
        let raw = directory.rawValue
        _ = unsafe try path.call("mkdirat") { path in unsafe failing(mkdirat(raw, path, mode)) }
    }

    /// Makes a directory unless it is there: true iff it was made.
    package static func makeIfMissing(
        _ path: BytePath, in directory: borrowing Descriptor, mode: UInt32 = 0o700
    ) throws(PosixError) -> Bool {
        do {
            try make(path, in: directory, mode: mode)
            return true
        } catch {
            if error.code != EEXIST { throw error }
            return false
        }
    }

    /// Gives the file at `path` another name.
    package static func link(
        _ path: BytePath, in directory: borrowing Descriptor,
        as newPath: BytePath, in newDirectory: borrowing Descriptor
    ) throws(PosixError) {
        let (from, to) = (directory.rawValue, newDirectory.rawValue)
        unsafe try call("linkat", path, newPath) { path, newPath in
            unsafe failing(linkat(from, path, to, newPath, 0))
        }
    }

    /// Gives an open file, also an `unnamed` one, a name.
    package static func link(
        _ file: borrowing Descriptor, as path: BytePath, in directory: borrowing Descriptor
    ) throws(PosixError) {
        let (file, raw) = (file.rawValue, directory.rawValue)
        _ = unsafe try path.call("linkat") { path in
            unsafe cposix_link_descriptor(file, raw, path)
        }
    }

    /// Renames, over what has the new name unless `exclusive`, which then throws `EEXIST`.
    package static func rename(
        _ path: BytePath, in directory: borrowing Descriptor,
        to newPath: BytePath, in newDirectory: borrowing Descriptor, exclusive: Bool = false
    ) throws(PosixError) {
        let (from, to) = (directory.rawValue, newDirectory.rawValue)
        unsafe try call("renameat2", path, newPath) { path, newPath in
            unsafe cposix_rename(from, path, to, newPath, exclusive ? 1 : 0)
        }
    }

    /// Removes a name, of a directory where `isDirectory`.
    package static func remove(
        _ path: BytePath, in directory: borrowing Descriptor, isDirectory: Bool = false
    ) throws(PosixError) {
        let raw = directory.rawValue
        _ = unsafe try path.call("unlinkat") { path in
            unsafe failing(unlinkat(raw, path, isDirectory ? Int32(AT_REMOVEDIR) : 0))
        }
    }

    /// Removes a name unless it is gone already: true iff it was there.
    package static func removeIfPresent(
        _ path: BytePath, in directory: borrowing Descriptor, isDirectory: Bool = false
    ) throws(PosixError) -> Bool {
        do {
            try remove(path, in: directory, isDirectory: isDirectory)
            return true
        } catch {
            if error.code != ENOENT { throw error }
            return false
        }
    }

    /// The status of a name, of the link itself where it is one; nil where it does not exist.
    package static func status(
        of path: BytePath, in directory: borrowing Descriptor
    ) throws(PosixError) -> FileStatus? {
        var status = cposix_status()
        let raw = directory.rawValue
        do {
            _ = unsafe try path.call("fstatat") { path in
                unsafe cposix_status_at(raw, path, &status)
            }
        } catch {
            if error.code == ENOENT { return nil }
            throw error
        }
        return FileStatus(status)
    }

    /// Free (for this user) and total bytes of a file system.
    package struct Space: Hashable, Sendable {
        package let available: UInt64
        package let total: UInt64
    }

    /// The space of the file system that an open file or directory lies on.
    package static func space(of file: borrowing Descriptor) throws(PosixError) -> Space {
        var available: UInt64 = 0
        var total: UInt64 = 0
        _ = try checked(
            "fstatvfs", unsafe cposix_space(file.rawValue, &available, &total))
        return Space(available: available, total: total)
    }
}

/// The result of a libc call as CPosix would give it.
private func failing(_ result: Int32) -> Int32 { result < 0 ? -errno : result }

/// A call with two paths, whose result is `-errno` at a failure.
private func call(
    _ name: String, _ first: BytePath, _ second: BytePath,
    _ body: (UnsafePointer<CChar>, UnsafePointer<CChar>) -> Int32
) throws(PosixError) {
    _ = unsafe try first.call(name) { first in
        do throws(PosixError) {
            return unsafe try second.call(name) { second in unsafe body(first, second) }
        } catch {
            return -error.code
        }
    }
}
