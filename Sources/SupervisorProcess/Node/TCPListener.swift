internal import Glibc
internal import Posix

/// An IP address to listen on, as a literal: names are not resolved before a node listens.
struct BindAddress: Hashable, CustomStringConvertible {
    enum Family: Hashable {
        case v4
        case v6
    }

    let family: Family
    /// 4 or 16 bytes in network order.
    let bytes: [UInt8]
    let description: String

    init?(_ text: String) {
        // A zone (fe80::1%eth0) is not supported: the interface's index may change.
        var v4 = [UInt8](repeating: 0, count: 4)
        var v6 = [UInt8](repeating: 0, count: 16)
        if unsafe inet_pton(AF_INET, text, &v4) == 1 {
            family = .v4
            bytes = v4
        } else if unsafe inet_pton(AF_INET6, text, &v6) == 1 {
            family = .v6
            bytes = v6
        } else {
            return nil
        }
        description = text
    }

    /// The address in a URL.
    var urlHost: String { family == .v6 ? "[\(description)]" : description }

    var isUnspecified: Bool { bytes.allSatisfy { $0 == 0 } }
}

/// Listening TCP sockets, nonblocking and CLOEXEC.
enum TCPListener {
    /// Listens at `address`; port 0 lets the kernel choose.
    ///
    /// An IPv6 socket takes IPv6 alone, so that 0.0.0.0 and :: do not depend on a sysctl.
    static func listen(
        at address: BindAddress, port: UInt16
    ) throws(PosixError) -> Descriptor {
        let domain = address.family == .v4 ? AF_INET : AF_INET6
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let raw = Glibc.socket(domain, type, 0)
        if raw < 0 { throw PosixError(errno, "socket") }
        let listener = Descriptor(owning: raw)
        // A node that starts again soon must get its port, whatever lingers in TIME_WAIT.
        try set(listener, SOL_SOCKET, SO_REUSEADDR)
        if address.family == .v6 { try set(listener, Int32(IPPROTO_IPV6), IPV6_V6ONLY) }
        try bind(listener, to: address, port: port)
        if Glibc.listen(raw, SupervisorLimits.listenBacklog) < 0 {
            throw PosixError(errno, "listen")
        }
        return listener
    }

    /// The port that a socket is bound to; nil for one that is no TCP listener.
    static func port(of listener: borrowing Descriptor) -> UInt16? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let raw = listener.rawValue
        var isListening: Int32 = 0
        var optionLength = socklen_t(MemoryLayout<Int32>.size)
        guard
            unsafe getsockopt(raw, SOL_SOCKET, SO_ACCEPTCONN, &isListening, &optionLength) == 0,
            isListening == 1
        else { return nil }
        let result = unsafe withUnsafeMutablePointer(to: &storage) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe getsockname(raw, $0, &length)
            }
        }
        guard result == 0 else { return nil }
        switch Int32(storage.ss_family) {
        case AF_INET, AF_INET6:
            // The port lies at the same place in both.
            return unsafe withUnsafeBytes(of: &storage) {
                unsafe UInt16($0[2]) << 8 | UInt16($0[3])
            }
        default: return nil
        }
    }

    static func set(
        _ socket: borrowing Descriptor, _ level: Int32, _ option: Int32
    ) throws(PosixError) {
        var on: Int32 = 1
        let length = socklen_t(MemoryLayout<Int32>.size)
        if unsafe setsockopt(socket.rawValue, level, option, &on, length) < 0 {
            throw PosixError(errno, "setsockopt")
        }
    }

    static func bind(
        _ socket: borrowing Descriptor, to address: BindAddress, port: UInt16
    ) throws(PosixError) {
        let raw = socket.rawValue
        var failure: Int32 = 0
        switch address.family {
        case .v4:
            var name = sockaddr_in()
            name.sin_family = sa_family_t(AF_INET)
            name.sin_port = port.bigEndian
            unsafe withUnsafeMutableBytes(of: &name.sin_addr) {
                unsafe $0.copyBytes(from: address.bytes)
            }
            failure = unsafe bound(raw, &name)
        case .v6:
            var name = sockaddr_in6()
            name.sin6_family = sa_family_t(AF_INET6)
            name.sin6_port = port.bigEndian
            unsafe withUnsafeMutableBytes(of: &name.sin6_addr) {
                unsafe $0.copyBytes(from: address.bytes)
            }
            failure = unsafe bound(raw, &name)
        }
        if failure != 0 { throw PosixError(failure, "bind") }
    }

    /// 0 or the errno.
    private static func bound<Name>(_ raw: Int32, _ name: UnsafeMutablePointer<Name>) -> Int32 {
        let length = socklen_t(MemoryLayout<Name>.size)
        let result = unsafe name.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            unsafe Glibc.bind(raw, $0, length)
        }
        return result < 0 ? errno : 0
    }
}
