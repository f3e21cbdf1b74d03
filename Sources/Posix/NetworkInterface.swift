internal import CPosix
internal import Glibc

/// One address of one network interface of this machine, as it is now.
package struct NetworkInterface: Equatable, Sendable {
    package var name: String
    /// Its port is 0.
    package var address: InternetAddress
    /// Where everybody on its network is reached; nil where it has none (IPv6, point to point).
    package var broadcast: InternetAddress?
    package var isLoopback: Bool

    package init(
        name: String, address: InternetAddress, broadcast: InternetAddress?, isLoopback: Bool
    ) {
        self.name = name
        self.address = address
        self.broadcast = broadcast
        self.isLoopback = isLoopback
    }

    /// Those that are up.
    package static func all() throws(PosixError) -> [NetworkInterface] {
        var list: UnsafeMutablePointer<ifaddrs>?
        if unsafe getifaddrs(&list) < 0 { throw PosixError(errno, "getifaddrs") }
        defer { unsafe freeifaddrs(list) }
        var found: [NetworkInterface] = []
        var cursor = unsafe list
        while let entry = unsafe cursor?.pointee {
            if let interface = unsafe NetworkInterface(entry) { found.append(interface) }
            unsafe cursor = entry.ifa_next
        }
        return found
    }

    private init?(_ entry: ifaddrs) {
        let flags = unsafe entry.ifa_flags
        guard flags & UInt32(IFF_UP) != 0, let name = unsafe entry.ifa_addr,
            let address = unsafe InternetAddress(name)
        else { return nil }
        let isLoopback = flags & UInt32(IFF_LOOPBACK) != 0
        var broadcast: InternetAddress?
        if address.isV6 {
            broadcast = nil
        } else if isLoopback {
            // It has no broadcast flag, but the kernel delivers this to all who listen.
            broadcast = InternetAddress(bytes: [127, 255, 255, 255], port: 0)
        } else if flags & UInt32(IFF_BROADCAST) != 0,
            let place = unsafe entry.ifa_ifu.ifu_broadaddr
        {
            broadcast = unsafe InternetAddress(place)
        }
        self.init(
            name: unsafe String(cString: entry.ifa_name), address: address, broadcast: broadcast,
            isLoopback: isLoopback)
    }
}
