internal import Posix

/// The kernel's one-letter state of a process.
enum ProcessState {
    /// Whether the process is stopped (SIGSTOP, or a tracer); false where it is gone.
    static func isStopped(pid: Int32) -> Bool {
        do throws(PosixError) {
            let file = try Directory.open(
                BytePath("/proc/\(pid)/stat"), in: .workingDirectory)
            return isStopped(stat: try FileIO.read(file, count: 512, at: 0))
        } catch {
            return false
        }
    }

    /// The state stands after the name in parentheses, which may hold anything.
    static func isStopped(stat: [UInt8]) -> Bool {
        guard let end = stat.lastIndex(of: UInt8(ascii: ")")), end + 2 < stat.count else {
            return false
        }
        return stat[end + 2] == UInt8(ascii: "T") || stat[end + 2] == UInt8(ascii: "t")
    }
}
