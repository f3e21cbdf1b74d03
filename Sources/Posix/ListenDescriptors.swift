internal import CPosix
internal import Glibc

/// The descriptors that whoever started this process handed over (sd_listen_fds(3)): from number 3
/// on, `LISTEN_FDS` of them, named by `LISTEN_FDNAMES`, meant for the process `LISTEN_PID`.
///
/// What nobody took is closed with this value.
package struct ListenDescriptors: ~Copyable {
    /// Number 3, where the first one lies.
    private static let first: Int32 = 3

    private var remaining: [(name: String, rawValue: Int32)] = []

    /// Reads the variables. Where `LISTEN_PID` names another process they are somebody else's, and
    /// there are none here.
    /// - Throws: `EBADF` where a descriptor is not there, `EINVAL` where the number is absurd.
    package init(environment: (String) -> String?) throws(PosixError) {
        guard environment("LISTEN_PID").flatMap({ Int32($0) }) == getpid() else { return }
        guard let text = environment("LISTEN_FDS") else { return }
        guard let count = Int(text), count >= 0, count <= PosixLimits.listenDescriptorsMax else {
            throw PosixError(EINVAL, "LISTEN_FDS")
        }
        let names = (environment("LISTEN_FDNAMES") ?? "")
            .split(separator: ":", omittingEmptySubsequences: false).map { String($0) }
        for index in 0..<count {
            let rawValue = Self.first + Int32(index)
            _ = try checked("fcntl", cposix_set_cloexec(rawValue, 1))
            let name = index < names.count && !names[index].isEmpty ? names[index] : "unknown"
            remaining.append((name, rawValue))
        }
    }

    /// Reads the variables of this process.
    package init() throws(PosixError) {
        try self.init(environment: Environment.value(of:))
    }

    deinit {
        for entry in remaining { close(entry.rawValue) }
    }

    /// The names that are left, in order; one may occur several times.
    package var names: [String] { remaining.map(\.name) }

    /// The first descriptor of this name that is left.
    package mutating func take(_ name: String) -> Descriptor? {
        guard let index = remaining.firstIndex(where: { $0.name == name }) else { return nil }
        return Descriptor(owning: remaining.remove(at: index).rawValue)
    }

    /// The first descriptor that is left, whatever its name.
    package mutating func takeFirst() -> Descriptor? {
        if remaining.isEmpty { return nil }
        return Descriptor(owning: remaining.removeFirst().rawValue)
    }
}

/// The variables this process was started with.
package enum Environment {
    /// The variable's value; bytes that are no UTF-8 show as U+FFFD.
    package static func value(of name: String) -> String? {
        unsafe getenv(name).map { unsafe String(cString: $0) }
    }

    /// Every variable as `NAME=value`.
    package static var all: [String] {
        var found: [String] = []
        var cursor = unsafe environ
        while let entry = unsafe cursor.pointee {
            unsafe found.append(String(cString: entry))
            unsafe cursor += 1
        }
        return found
    }
}

/// What a process does to itself.
package enum SelfProcess {
    package static var pid: Int32 { getpid() }

    /// The process that started this one, or the one that adopted it.
    package static var parentPID: Int32 { getppid() }

    /// Sends `signal` to this process when the *thread* that started it ends.
    package static func setParentDeathSignal(_ signal: Int32) throws(PosixError) {
        _ = try checked("prctl", cposix_parent_death_signal(signal))
    }

    /// Closes every descriptor from `first` on.
    package static func closeDescriptors(from first: Int32) throws(PosixError) {
        _ = try checked("close_range", cposix_close_from(first))
    }

    /// Lets writes to a closed pipe fail with `EPIPE` instead of ending the process.
    package static func ignoreBrokenPipes() { _ = signal(SIGPIPE, SIG_IGN) }

    /// Where this program lies, from /proc/self/exe.
    package static func executablePath() throws(PosixError) -> BytePath {
        var failure: Int32 = 0
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: 4096) { buffer, count in
            guard let base = buffer.baseAddress else { return }
            let length = unsafe base.withMemoryRebound(to: CChar.self, capacity: buffer.count) {
                unsafe readlink("/proc/self/exe", $0, buffer.count)
            }
            if length < 0 { failure = errno }
            count = max(0, length)
        }
        if failure != 0 { throw PosixError(failure, "readlink") }
        return BytePath(bytes)
    }
}
