internal import Glibc
internal import Model
internal import Posix

/// What a restart cannot cure: the process ends with code 125 and this text.
package struct PermanentFailure: Error, CustomStringConvertible, Sendable {
    package let description: String

    package init(_ description: String) { self.description = description }
}

/// An earlier life that SIGKILL has not ended yet: it may be in a sync that takes long. Worth
/// another try, hence no `PermanentFailure`; that no other node is here, the supervisor's lock says.
struct StoreStillOpen: Error, CustomStringConvertible {
    let path: BytePath

    var description: String { "another clusterf-store still has \(path) open" }
}

/// Ends of the process.
enum ProcessEnd {
    /// An orderly end.
    static let orderly: Int32 = 0
    /// No restart helps.
    static let permanent: Int32 = 125
    /// A conversion did not happen.
    static let failed: Int32 = 1
    /// A command line that makes no sense.
    static let usage: Int32 = 64
    /// The disk refused: the next life starts from what is durable.
    static let crashed: Int32 = 70

    /// Ends at once. Nothing is flushed: the store is crash safe at every instant.
    static func now(_ code: Int32) -> Never { _exit(code) }
}

/// The standard error stream.
enum StandardError {
    /// Writes `bytes` at once. A stream that cannot be written to loses them: there is no other
    /// place to say so.
    static func write(_ bytes: [UInt8]) {
        unsafe bytes.withUnsafeBytes { buffer in
            _ = unsafe Glibc.write(STDERR_FILENO, buffer.baseAddress, buffer.count)
        }
    }
}

/// Wall time, as users see it.
enum WallClock {
    static var now: Timestamp {
        var time = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }
}

/// Random bits of the kernel, fetched by the kilobyte: object ids are never reused.
struct Entropy: RandomNumberGenerator {
    private var words: [UInt64] = []

    mutating func next() -> UInt64 {
        if let word = words.popLast() { return word }
        // getentropy gives at most 256 bytes at a time.
        words = [UInt64](repeating: 0, count: 32)
        let result = unsafe words.withUnsafeMutableBytes { buffer in
            unsafe getentropy(buffer.baseAddress, buffer.count)
        }
        precondition(result == 0, "the kernel has random bits")
        return words.removeLast()
    }
}

/// The standard output stream.
enum StandardOutput {
    static func write(_ text: String) {
        var text = text
        text.withUTF8 { utf8 in
            _ = unsafe Glibc.write(STDOUT_FILENO, utf8.baseAddress, utf8.count)
        }
    }
}
