internal import CPosix
package import Glibc

/// An IPv4 or IPv6 address with a port.
package struct InternetAddress: Hashable, Sendable, CustomStringConvertible {
    /// 4 or 16, in network order.
    package let bytes: [UInt8]
    package var port: UInt16
    /// The index of the interface to which a link-local address belongs; 0 for others.
    package let scope: UInt32

    package init?(bytes: [UInt8], port: UInt16, scope: UInt32 = 0) {
        guard bytes.count == 4 || bytes.count == 16 else { return nil }
        self.bytes = bytes
        self.port = port
        self.scope = scope
    }

    /// A literal, with a zone where it has one (`fe80::1%eth0`, `fe80::1%2`).
    package init?(host: String, port: UInt16) {
        let parts = host.split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false)
        guard let literal = parts.first.map(String.init) else { return nil }
        var scope: UInt32 = 0
        if parts.count == 2 {
            let zone = String(parts[1])
            scope = unsafe UInt32(zone) ?? if_nametoindex(zone)
            guard scope != 0 else { return nil }
        }
        var v4 = [UInt8](repeating: 0, count: 4)
        var v6 = [UInt8](repeating: 0, count: 16)
        if unsafe inet_pton(AF_INET, literal, &v4) == 1, scope == 0 {
            self.init(bytes: v4, port: port)
        } else if unsafe inet_pton(AF_INET6, literal, &v6) == 1 {
            self.init(bytes: v6, port: port, scope: scope)
        } else {
            return nil
        }
    }

    package var isV6: Bool { bytes.count == 16 }

    package var isUnspecified: Bool { bytes.allSatisfy { $0 == 0 } }

    package var isLoopback: Bool {
        isV6 ? bytes.dropLast().allSatisfy { $0 == 0 } && bytes.last == 1 : bytes[0] == 127
    }

    /// fe80::/10, whose addresses mean something on one interface alone.
    package var isLinkLocalV6: Bool { isV6 && bytes[0] == 0xFE && bytes[1] & 0xC0 == 0x80 }

    /// The address without its port, as `inet_ntop` writes it, with the number of its zone.
    package var host: String {
        let text = unsafe withUnsafeTemporaryAllocation(
            of: CChar.self, capacity: Int(INET6_ADDRSTRLEN)
        ) { buffer in
            let written = unsafe inet_ntop(
                isV6 ? AF_INET6 : AF_INET, bytes, buffer.baseAddress, socklen_t(buffer.count))
            return unsafe written.map { unsafe String(cString: $0) } ?? ""
        }
        return scope == 0 ? text : "\(text)%\(scope)"
    }

    package var description: String { isV6 ? "[\(host)]:\(port)" : "\(host):\(port)" }

    // MARK: The kernel's form

    /// - Parameter address: of any family; nil for those that are not of the Internet.
    package init?(_ address: UnsafePointer<sockaddr>) {
        switch Int32(unsafe address.pointee.sa_family) {
        case AF_INET:
            let name = unsafe UnsafeRawPointer(address).loadUnaligned(as: sockaddr_in.self)
            let bytes = unsafe withUnsafeBytes(of: name.sin_addr) { unsafe [UInt8]($0) }
            self.init(bytes: bytes, port: UInt16(bigEndian: name.sin_port))
        case AF_INET6:
            let name = unsafe UnsafeRawPointer(address).loadUnaligned(as: sockaddr_in6.self)
            let bytes = unsafe withUnsafeBytes(of: name.sin6_addr) { unsafe [UInt8]($0) }
            self.init(
                bytes: bytes, port: UInt16(bigEndian: name.sin6_port), scope: name.sin6_scope_id)
        default: return nil
        }
    }

    /// Calls `body` with the address as system calls take it.
    package func withSocketAddress<Result>(
        _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        if isV6 {
            var name = sockaddr_in6()
            name.sin6_family = sa_family_t(AF_INET6)
            name.sin6_port = port.bigEndian
            name.sin6_scope_id = scope
            unsafe withUnsafeMutableBytes(of: &name.sin6_addr) {
                unsafe $0.copyBytes(from: bytes)
            }
            return unsafe InternetAddress.pass(&name, body)
        }
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_port = port.bigEndian
        unsafe withUnsafeMutableBytes(of: &name.sin_addr) { unsafe $0.copyBytes(from: bytes) }
        return unsafe InternetAddress.pass(&name, body)
    }

    private static func pass<Name, Result>(
        _ name: UnsafePointer<Name>, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        let length = socklen_t(MemoryLayout<Name>.size)
        return unsafe name.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            unsafe body($0, length)
        }
    }
}

/// What sockets of the Internet are asked.
package enum InternetSocket {
    /// Where a socket is bound.
    package static func boundAddress(
        of socket: borrowing Descriptor
    ) throws(PosixError) -> InternetAddress {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let raw = socket.rawValue
        var found: InternetAddress?
        let result = unsafe withUnsafeMutablePointer(to: &storage) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { name in
                let result = unsafe getsockname(raw, name, &length)
                if result == 0 { found = unsafe InternetAddress(name) }
                return result
            }
        }
        if result < 0 { throw PosixError(errno, "getsockname") }
        guard let found else { throw PosixError(EAFNOSUPPORT, "getsockname") }
        return found
    }

    /// Lets a socket hear what is sent to an IPv6 group on the interface that the group's scope names.
    /// - Throws: `ENODEV` where the interface is gone. A group that was joined before is no error.
    package static func join(
        _ group: InternetAddress, over socket: borrowing Descriptor
    ) throws(PosixError) {
        precondition(group.isV6, "an IPv6 group")
        var request = ipv6_mreq()
        request.ipv6mr_interface = group.scope
        unsafe withUnsafeMutableBytes(of: &request.ipv6mr_multiaddr) {
            unsafe $0.copyBytes(from: group.bytes)
        }
        let length = socklen_t(MemoryLayout<ipv6_mreq>.size)
        let result = unsafe setsockopt(
            socket.rawValue, Int32(IPPROTO_IPV6), IPV6_JOIN_GROUP, &request, length)
        if result < 0, errno != EADDRINUSE { throw PosixError(errno, "setsockopt") }
    }

    /// Sends one datagram, never waiting.
    /// - Throws: `EAGAIN` where the kernel's buffer is full, `ENETUNREACH`, `EMSGSIZE`, …
    package static func send(
        _ bytes: [UInt8], over socket: borrowing Descriptor, to address: InternetAddress
    ) throws(PosixError) {
        let raw = socket.rawValue
        _ = try retrying("sendto") {
            unsafe address.withSocketAddress { name, length in
                unsafe sendto(
                    raw, bytes, bytes.count, Int32(MSG_DONTWAIT | MSG_NOSIGNAL),
                    name, length)
            }
        }
    }
}
