internal import Glibc

/// A path as the kernel reads it: bytes up to a NUL, of no particular encoding.
package struct BytePath: Hashable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
    /// The bytes with their NUL.
    private let terminated: [UInt8]

    package init(_ bytes: some Collection<UInt8>) {
        var terminated = [UInt8]()
        terminated.reserveCapacity(bytes.count + 1)
        terminated.append(contentsOf: bytes)
        terminated.append(0)
        self.terminated = terminated
    }

    package init(_ text: String) { self.init(text.utf8) }

    package init(stringLiteral text: String) { self.init(text) }

    /// The bytes without the NUL.
    package var bytes: [UInt8] { [UInt8](terminated.dropLast()) }

    /// `self/name`.
    package func appending(_ name: some Collection<UInt8>) -> BytePath {
        BytePath(terminated.dropLast() + [UInt8(ascii: "/")] + name)
    }

    /// `self/name`.
    package func appending(_ name: String) -> BytePath { appending([UInt8](name.utf8)) }

    /// The path for people; bytes that are no UTF-8 show as U+FFFD.
    package var description: String { String(decoding: terminated.dropLast(), as: UTF8.self) }

    /// Makes a call that wants the path as C has it, and whose result is `-errno` at a failure.
    /// - Throws: what the call returned, or `EINVAL` where a NUL stands within the path: the kernel
    ///   would read another, shorter one.
    @inline(__always)
    func call(
        _ call: String, _ body: (UnsafePointer<CChar>) -> Int32
    ) throws(PosixError) -> Int32 {
        if terminated.dropLast().contains(0) { throw PosixError(EINVAL, call) }
        let result = unsafe terminated.withUnsafeBytes { buffer -> Int32 in
            guard let base = buffer.baseAddress else { preconditionFailure("never without a NUL") }
            return unsafe body(base.assumingMemoryBound(to: CChar.self))
        }
        return try checked(call, result)
    }
}
