internal import Glibc

/// The log's output. It never waits for long for who reads it: a supervisor that hangs in a write
/// restarts nobody.
final class StandardError {
    /// A pipe's reader that is scheduled at all reads within this.
    private static let patienceMilliseconds: Int32 = 100

    /// PIPE_BUF of Linux.
    private static let atomicBytesMax = 4096

    private let descriptor: Int32
    private var lostCount = 0

    /// - Parameter descriptor: stays the caller's, as 2 is the process's.
    init(descriptor: Int32 = STDERR_FILENO) { self.descriptor = descriptor }

    /// Writes one line, or counts it as lost where nobody reads.
    func write(_ line: String) {
        // After a loss: only where there is room at once, so that a stuck reader costs its
        // patience once and not once a line.
        guard isWritable(within: lostCount == 0 ? StandardError.patienceMilliseconds : 0) else {
            lostCount += 1
            return
        }
        var text = line
        if lostCount > 0 {
            text = "… \(lostCount) lines of the log were lost: nobody read them\n" + text
            lostCount = 0
        }
        // A pipe that polls as writable takes this much at once; more might wait for its reader.
        var bytes = [UInt8](text.utf8.prefix(StandardError.atomicBytesMax - 1))
        bytes.append(0x0A)
        StandardError.writeAll(bytes, to: descriptor)
    }

    private func isWritable(within milliseconds: Int32) -> Bool {
        var poll = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        return unsafe Glibc.poll(&poll, 1, milliseconds) > 0
    }

    /// Writes as much as goes. An error has no other place to be told than here: it is dropped.
    static func writeAll(_ bytes: [UInt8], to descriptor: Int32) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes {
                unsafe Glibc.write(descriptor, $0.baseAddress, $0.count)
            }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if errno != EINTR {
                return
            }
        }
    }
}

/// What a person reads at the start: lines on standard output.
enum StandardOutput {
    static func write(_ line: String) {
        StandardError.writeAll([UInt8]((line + "\n").utf8), to: STDOUT_FILENO)
    }
}
