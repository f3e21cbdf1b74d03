internal import CPosix
internal import Glibc

/// One name of a directory.
package struct DirectoryEntry: Hashable, Sendable {
    /// The name's bytes, without a NUL.
    package let name: [UInt8]
    /// True for a directory; nil where the file system does not say (`fstatat` knows).
    package let isDirectory: Bool?
}

extension Directory {
    /// Calls `body` with each name but `.` and `..`, in no order, until it returns false.
    ///
    /// Names that are made or removed meanwhile may come or not.
    package static func forEachEntry(
        of directory: borrowing Descriptor, _ body: (DirectoryEntry) -> Bool
    ) throws(PosixError) {
        var code: Int32 = 0
        guard let stream = unsafe cposix_directory_open(directory.rawValue, &code) else {
            throw PosixError(code, "fdopendir")
        }
        defer { unsafe cposix_directory_close(stream) }
        var kind: Int32 = 0
        while let name = unsafe cposix_directory_next(stream, &kind, &code) {
            let bytes = unsafe UnsafeRawBufferPointer(start: name, count: strlen(name))
            let entry = unsafe DirectoryEntry(
                name: [UInt8](bytes),
                isDirectory: kind == Int32(DT_UNKNOWN) ? nil : kind == Int32(DT_DIR))
            if !body(entry) { return }
        }
        if code != 0 { throw PosixError(code, "readdir") }
    }

    /// All names but `.` and `..`, in no order.
    package static func entries(
        of directory: borrowing Descriptor
    ) throws(PosixError) -> [DirectoryEntry] {
        var found: [DirectoryEntry] = []
        try forEachEntry(of: directory) { entry in
            found.append(entry)
            return true
        }
        return found
    }
}
