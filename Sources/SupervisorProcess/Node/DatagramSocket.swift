internal import Glibc
internal import Posix

/// UDP sockets, nonblocking and CLOEXEC.
enum DatagramSocket {
    /// - Parameter isShared: other nodes of this machine listen at the same address and port, and each
    ///   gets every broadcast.
    static func bind(
        at address: BindAddress, port: UInt16, isShared: Bool
    ) throws(PosixError) -> Descriptor {
        let domain = address.family == .v4 ? AF_INET : AF_INET6
        let type = Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let raw = Glibc.socket(domain, type, 0)
        if raw < 0 { throw PosixError(errno, "socket") }
        let socket = Descriptor(owning: raw)
        switch address.family {
        case .v4: try TCPListener.set(socket, SOL_SOCKET, SO_BROADCAST)
        case .v6: try TCPListener.set(socket, Int32(IPPROTO_IPV6), IPV6_V6ONLY)
        }
        if isShared {
            try TCPListener.set(socket, SOL_SOCKET, SO_REUSEADDR)
            try TCPListener.set(socket, SOL_SOCKET, SO_REUSEPORT)
        }
        try TCPListener.bind(socket, to: address, port: port)
        return socket
    }
}
