internal import CPosix
internal import Glibc

/// Bytes of open files. Everything here may wait for the disk unless it says that it does not.
package enum FileIO {
    /// Reads up to `buffer.count` bytes at `offset`; 0 is the end of the file.
    package static func read(
        _ file: borrowing Descriptor, into buffer: UnsafeMutableRawBufferPointer, at offset: Int64
    ) throws(PosixError) -> Int {
        let raw = file.rawValue
        return try retrying("pread") {
            unsafe pread(raw, buffer.baseAddress, buffer.count, off_t(offset))
        }
    }

    /// Up to `count` bytes at `offset`: fewer only at the end of the file.
    package static func read(
        _ file: borrowing Descriptor, count: Int, at offset: Int64
    ) throws(PosixError) -> [UInt8] {
        let raw = file.rawValue
        var failure: PosixError?
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            let whole = UnsafeMutableRawBufferPointer(buffer)
            while filled < count {
                let at = off_t(offset) + off_t(filled)
                let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: whole[filled...])
                let taken = unsafe pread(raw, rest.baseAddress, rest.count, at)
                if taken == 0 { break }
                if taken > 0 {
                    filled += taken
                } else if errno != EINTR {
                    failure = PosixError(errno, "pread")
                    break
                }
            }
        }
        if let failure { throw failure }
        return bytes
    }

    /// As many of `count` bytes at `offset` as the page cache holds, without waiting for the disk:
    /// nil where it holds none of them, empty at the end of the file.
    package static func readCached(
        _ file: borrowing Descriptor, count: Int, at offset: Int64
    ) throws(PosixError) -> [UInt8]? {
        let raw = file.rawValue
        var taken = 0
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            taken = unsafe cposix_read_cached(raw, buffer.baseAddress, count, offset)
            filled = max(0, taken)
        }
        // A file system without RWF_NOWAIT: the caller's slow way is right for it.
        if taken == -Int(EAGAIN) || taken == -Int(EOPNOTSUPP) { return nil }
        _ = try checked("preadv2", taken)
        return bytes
    }

    /// Writes all of `bytes` at `offset`.
    package static func write(
        _ bytes: UnsafeRawBufferPointer, to file: borrowing Descriptor, at offset: Int64
    ) throws(PosixError) {
        let raw = file.rawValue
        var done = 0
        while done < bytes.count {
            let from = done
            done += try retrying("pwrite") {
                let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[from...])
                return unsafe pwrite(raw, rest.baseAddress, rest.count, off_t(offset) + from)
            }
        }
    }

    /// Writes all of `bytes` at `offset`.
    package static func write(
        _ bytes: [UInt8], to file: borrowing Descriptor, at offset: Int64
    ) throws(PosixError) {
        // `withUnsafeBytes` would make the error untyped.
        var failure: PosixError?
        unsafe bytes.withUnsafeBytes { buffer in
            do throws(PosixError) {
                unsafe try write(buffer, to: file, at: offset)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
    }

    /// Appends all of `bytes` at the current position, as pipes and logs are written.
    package static func append(
        _ bytes: [UInt8], to file: borrowing Descriptor
    ) throws(PosixError) {
        let raw = file.rawValue
        var done = 0
        while done < bytes.count {
            let from = done
            done += try retrying("write") {
                unsafe bytes.withUnsafeBytes { buffer in
                    let rest = unsafe UnsafeRawBufferPointer(rebasing: buffer[from...])
                    return unsafe Glibc.write(raw, rest.baseAddress, rest.count)
                }
            }
        }
    }

    /// Makes the file `size` bytes long.
    package static func truncate(
        _ file: borrowing Descriptor, to size: Int64
    ) throws(PosixError) {
        let raw = file.rawValue
        _ = try retrying("ftruncate") { ftruncate(raw, off_t(size)) }
    }

    /// Makes content and size durable. Never tried again at a failure: the kernel drops the pages.
    package static func syncData(_ file: borrowing Descriptor) throws(PosixError) {
        if fdatasync(file.rawValue) < 0 { throw PosixError(errno, "fdatasync") }
    }

    /// Makes the file with all its metadata durable, or a directory's entries.
    package static func sync(_ file: borrowing Descriptor) throws(PosixError) {
        if fsync(file.rawValue) < 0 { throw PosixError(errno, "fsync") }
    }

    /// Makes everything on the file system of `file` durable.
    package static func syncFileSystem(of file: borrowing Descriptor) throws(PosixError) {
        _ = try checked("syncfs", cposix_sync_filesystem(file.rawValue))
    }

    /// Starts to write a range to the disk, so that the sync that comes later is short. No promise
    /// of durability; `count` 0 is up to the end.
    package static func startWriting(
        _ file: borrowing Descriptor, at offset: Int64, count: Int64
    ) throws(PosixError) {
        _ = try checked("sync_file_range", cposix_start_writing(file.rawValue, offset, count))
    }

    /// Waits until a range is on the disk. It bounds how much of a file is dirty; durability needs
    /// a sync all the same.
    package static func finishWriting(
        _ file: borrowing Descriptor, at offset: Int64, count: Int64
    ) throws(PosixError) {
        _ = try checked("sync_file_range", cposix_finish_writing(file.rawValue, offset, count))
    }

    /// What the kernel is told about the use of a file.
    package enum Advice: Int32, Sendable {
        case willNeed = 0
        case wontNeed = 1
        case sequential = 2
    }

    /// Tells the kernel how the file will be read.
    package static func advise(
        _ file: borrowing Descriptor, _ advice: Advice
    ) throws(PosixError) {
        _ = try checked("posix_fadvise", cposix_advise(file.rawValue, advice.rawValue))
    }

    /// Reserves disk space for the first `count` bytes and leaves the size.
    /// - Throws: `ENOSPC` where there is none, `EOPNOTSUPP` where the file system cannot.
    package static func reserve(
        _ file: borrowing Descriptor, count: Int64
    ) throws(PosixError) {
        _ = try checked("fallocate", cposix_reserve(file.rawValue, count))
    }

    /// Kind, size, times and names of an open file.
    package static func status(of file: borrowing Descriptor) throws(PosixError) -> FileStatus {
        var status = cposix_status()
        _ = try checked("fstat", unsafe cposix_status_of(file.rawValue, &status))
        return FileStatus(status)
    }

    /// Sets the modification time, in nanoseconds since 1970.
    package static func setModified(
        _ file: borrowing Descriptor, to nanoseconds: Int64
    ) throws(PosixError) {
        _ = try checked("futimens", cposix_set_modified(file.rawValue, nanoseconds))
    }

    /// Sets the permission bits.
    package static func setMode(
        _ file: borrowing Descriptor, to mode: UInt32
    ) throws(PosixError) {
        let raw = file.rawValue
        _ = try retrying("fchmod") { fchmod(raw, mode) }
    }

    /// Locks the file for this open file, without waiting: false where another has it.
    package static func lock(
        _ file: borrowing Descriptor, exclusive: Bool = true
    ) throws(PosixError) -> Bool {
        let result = cposix_lock(file.rawValue, exclusive ? 1 : 0)
        if result == -EWOULDBLOCK { return false }
        _ = try checked("flock", result)
        return true
    }
}
