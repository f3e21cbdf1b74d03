internal import CPosix

/// A read lease (`F_SETLEASE`): the kernel's word that nobody has the file open for writing.
package enum Lease {
    /// Takes the lease and gives it back: true iff no writer of the open file's inode exists.
    ///
    /// A writer that opens afterwards is not seen; the caller has taken the write permission or the
    /// last name away before.
    /// - Throws: what a file system without leases answers.
    package static func hasNoWriter(_ file: borrowing Descriptor) throws(PosixError) -> Bool {
        do {
            try take(on: file)
        } catch {
            if error.isWouldBlock { return false }
            throw error
        }
        try drop(on: file)
        return true
    }

    /// Takes a read lease. While it is held, an open for writing waits (up to the kernel's
    /// `lease-break-time`); the signal that tells of it is SIGURG, ignored by default.
    /// - Throws: `EAGAIN` while a writer has the file open.
    package static func take(on file: borrowing Descriptor) throws(PosixError) {
        _ = try checked("fcntl(F_SETLEASE)", cposix_lease_take(file.rawValue))
    }

    /// Gives the lease back.
    package static func drop(on file: borrowing Descriptor) throws(PosixError) {
        _ = try checked("fcntl(F_SETLEASE)", cposix_lease_drop(file.rawValue))
    }
}
