internal import Glibc

/// The service manager's notification socket (sd_notify(3)): `NOTIFY_SOCKET`, `WATCHDOG_USEC`.
struct SystemdNotifier {
    private let address: [UInt8]
    /// How often the service manager wants to hear of us: half of its patience.
    let watchdogInterval: Duration?

    /// - Returns: nil where no service manager listens.
    init?(environment: (String) -> String?, pid: Int32) {
        guard let text = environment("NOTIFY_SOCKET"), text.utf8.count > 1 else { return nil }
        var bytes = [UInt8](text.utf8)
        // "@name" is an abstract socket, whose name starts with a NUL.
        if bytes[0] == UInt8(ascii: "@") { bytes[0] = 0 }
        guard bytes.count < MemoryLayout.size(ofValue: sockaddr_un().sun_path) else { return nil }
        address = bytes
        let isForUs = environment("WATCHDOG_PID").map { Int32($0) == pid } ?? true
        watchdogInterval =
            isForUs
            ? environment("WATCHDOG_USEC").flatMap { Int64($0) }.flatMap {
                $0 > 0 ? .microseconds($0 / 2) : nil
            } : nil
    }

    /// Sends assignments such as `READY=1`. Best effort, as sd_notify is: a manager that does not
    /// listen acts on its own time-outs.
    func send(_ assignments: [String]) {
        let type = Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let socket = Glibc.socket(AF_UNIX, type, 0)
        guard socket >= 0 else { return }
        defer { close(socket) }
        var name = sockaddr_un()
        name.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &name.sun_path) { unsafe $0.copyBytes(from: address) }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + address.count)
        let message = [UInt8](assignments.joined(separator: "\n").utf8)
        unsafe withUnsafePointer(to: &name) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                _ = unsafe sendto(
                    socket, message, message.count, Int32(MSG_NOSIGNAL), pointer, length)
            }
        }
    }
}
