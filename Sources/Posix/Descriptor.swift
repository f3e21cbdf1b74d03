internal import CPosix
internal import Glibc

/// A file descriptor with one owner, closed where its life ends.
///
/// The close is quiet: a file whose bytes matter is synced before, and an error of `close` after a
/// successful sync says nothing that anybody could act on.
package struct Descriptor: ~Copyable, Sendable {
    /// The number, for calls; valid while the owner lives, and a local owner lives only up to its
    /// last use.
    package let rawValue: Int32

    /// Takes over `rawValue`, which nobody else may close from here on.
    package init(owning rawValue: Int32) { self.rawValue = rawValue }

    deinit {
        // AT_FDCWD, the working directory, is negative and not ours to close.
        if rawValue >= 0 { close(rawValue) }
    }

    /// The directory against which relative paths are read; absolute paths ignore it.
    package static var workingDirectory: Descriptor { Descriptor(owning: AT_FDCWD) }

    /// Gives up ownership: the caller closes the number.
    package consuming func release() -> Int32 {
        let value = rawValue
        discard self
        return value
    }

    /// A second descriptor of the same open file, CLOEXEC.
    package borrowing func duplicate() throws(PosixError) -> Descriptor {
        Descriptor(owning: try checked("fcntl", cposix_duplicate(rawValue)))
    }

    /// Makes calls on it return `EAGAIN` instead of waiting, or not.
    package borrowing func setNonblocking(_ on: Bool) throws(PosixError) {
        _ = try checked("fcntl", cposix_set_nonblocking(rawValue, on ? 1 : 0))
    }

    /// Says whether a program that replaces this one by `exec` keeps it.
    package borrowing func setCloseOnExec(_ on: Bool) throws(PosixError) {
        _ = try checked("fcntl", cposix_set_cloexec(rawValue, on ? 1 : 0))
    }
}

/// A descriptor in a place that can hold copyable values only: an array, a closure.
///
/// Of one isolation domain at a time; it is closed with the box unless somebody took it.
package final class DescriptorBox {
    private var descriptor: Descriptor?

    package init(_ descriptor: consuming Descriptor) {
        self.descriptor = consume descriptor
    }

    /// The number, or nil once it was taken.
    package var rawValue: Int32? {
        switch descriptor {
        case .some(let held): return held.rawValue
        case .none: return nil
        }
    }

    /// Calls `body` with the descriptor, which stays here; nil once it was taken.
    package func borrow<Result: ~Copyable, Failure: Error>(
        _ body: (borrowing Descriptor) throws(Failure) -> Result
    ) throws(Failure) -> Result? {
        switch descriptor {
        case .some(let held): return try body(held)
        case .none: return nil
        }
    }

    /// The descriptor, once; nil from then on.
    package func take() -> Descriptor? { descriptor.take() }
}
