internal import CPosix
internal import Glibc

/// A system call that failed: which one, with which `errno`.
package struct PosixError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The `errno`, positive.
    package let code: Int32
    /// The call, as its manual page is named.
    package let call: String

    package init(_ code: Int32, _ call: String) {
        self.code = code
        self.call = call
    }

    /// The error by its C name, as `ENOENT`.
    package var name: String { unsafe String(cString: cposix_error_name(code)) }

    /// `openat: No such file or directory (ENOENT)`.
    package var description: String {
        "\(call): \(unsafe String(cString: cposix_error_text(code))) (\(name))"
    }

    /// True where trying the same again later, without waiting here, is the answer.
    package var isWouldBlock: Bool { code == EAGAIN || code == EWOULDBLOCK }
}

/// The value of a CPosix call, which is `-errno` where it failed.
@inline(__always)
func checked<Value: FixedWidthInteger & SignedInteger>(
    _ call: @autoclosure () -> String, _ value: Value
) throws(PosixError) -> Value {
    if value < 0 { throw PosixError(Int32(truncatingIfNeeded: -value), call()) }
    return value
}

/// The value of a libc call, which is -1 with `errno` set where it failed; tried again at EINTR.
@inline(__always)
func retrying<Value: FixedWidthInteger & SignedInteger>(
    _ call: @autoclosure () -> String, _ body: () -> Value
) throws(PosixError) -> Value {
    while true {
        let value = body()
        if value >= 0 { return value }
        let code = errno
        if code != EINTR { throw PosixError(code, call()) }
    }
}
