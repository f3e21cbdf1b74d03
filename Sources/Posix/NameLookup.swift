internal import CPosix
internal import Glibc

/// Host names and their addresses. Blocks for as long as the name servers take: for a thread that may
/// wait.
package enum NameLookup {
    /// Why a name has no address.
    package struct Failure: Error, Equatable, Sendable, CustomStringConvertible {
        package let description: String
    }

    /// The addresses of a name, or the literal itself, each once, in the order in which they are to be
    /// tried.
    /// - Parameter count: not more than this.
    package static func addresses(
        of host: String, port: UInt16, max count: Int
    ) throws(Failure) -> [InternetAddress] {
        if let literal = InternetAddress(host: host, port: port) { return [literal] }
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        unsafe hints.ai_flags = AI_ADDRCONFIG
        var list: UnsafeMutablePointer<addrinfo>?
        let result = unsafe getaddrinfo(host, nil, &hints, &list)
        guard result == 0 else {
            throw Failure(description: unsafe String(cString: gai_strerror(result)))
        }
        defer { unsafe freeaddrinfo(list) }
        var found: [InternetAddress] = []
        var cursor = unsafe list
        while let entry = unsafe cursor?.pointee, found.count < count {
            if let name = unsafe entry.ai_addr, var address = unsafe InternetAddress(name) {
                address.port = port
                if !found.contains(address) { found.append(address) }
            }
            unsafe cursor = entry.ai_next
        }
        return found
    }
}
