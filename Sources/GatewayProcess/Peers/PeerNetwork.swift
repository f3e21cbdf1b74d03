internal import Glibc
internal import IPC
internal import NIOCore
internal import Peering
internal import Posix

extension PeerAddress {
    init(_ address: InternetAddress) { self.init(host: address.host, port: address.port) }

    /// The address as the system takes it; nil where its host is no literal.
    var internet: InternetAddress? { InternetAddress(host: host, port: port) }
}

extension InternetAddress {
    /// Nil for Unix sockets.
    init?(_ address: SocketAddress) {
        let found = unsafe address.withSockAddr { name, _ in unsafe InternetAddress(name) }
        guard let found else { return nil }
        self = found
    }

    var socketAddress: SocketAddress {
        unsafe withSocketAddress { name, _ in
            if isV6 {
                return unsafe SocketAddress(
                    UnsafeRawPointer(name).loadUnaligned(as: sockaddr_in6.self))
            }
            return unsafe SocketAddress(
                UnsafeRawPointer(name).loadUnaligned(as: sockaddr_in.self))
        }
    }
}

/// The UDP sockets of the peer port: which of them reaches an address, and where everybody is.
final class PeerNetwork {
    private struct Output {
        var socket: DescriptorBox
        var bound: InternetAddress
    }

    private let outputs: [Output]
    /// Of these the IPv6 ones hear a group on each interface.
    private let discovery: [Output]
    /// Interfaces, by number, whose group is joined.
    private var joined: Set<UInt32> = []
    private let discoveryPort: UInt16
    /// Where discovery goes; nil: to every interface.
    private let discoveryAddress: InternetAddress?
    /// The interfaces of this machine, asked for each time, since they come and go.
    private let interfaces: () throws(PosixError) -> [NetworkInterface]
    /// Failures of sends that were said, so that each is said once.
    private var said: Set<String> = []

    /// The group of link-local scope to which IPv6 announcements go: transient, "clfd" in ASCII.
    private static let group: [UInt8] =
        [0xFF, 0x12] + [UInt8](repeating: 0, count: 10) + [0x63, 0x6C, 0x66, 0x64]

    /// - Parameters:
    ///   - sockets: of the peer port, bound; others may read of them.
    ///   - discovery: of the discovery port, likewise.
    init(
        sockets: [DescriptorBox], discovery: [DescriptorBox] = [], settings: PeerSettings,
        interfaces: @escaping () throws(PosixError) -> [NetworkInterface] = NetworkInterface.all
    ) throws(PosixError) {
        outputs = try PeerNetwork.outputs(sockets)
        self.discovery = try PeerNetwork.outputs(discovery)
        self.interfaces = interfaces
        discoveryPort = settings.discoveryPort
        discoveryAddress = settings.discoveryAddress.flatMap {
            InternetAddress(host: $0, port: settings.discoveryPort)
        }
    }

    private static func outputs(_ sockets: [DescriptorBox]) throws(PosixError) -> [Output] {
        var outputs: [Output] = []
        for socket in sockets {
            let bound = try socket.borrow { descriptor throws(PosixError) in
                try InternetSocket.boundAddress(of: descriptor)
            }
            if let bound { outputs.append(Output(socket: socket, bound: bound)) }
        }
        return outputs
    }

    /// Sends to one peer; what cannot be sent is lost, as datagrams are.
    func send(_ bytes: [UInt8], to address: PeerAddress) {
        guard let target = address.internet else { return }
        for output in outputs where output.bound.isV6 == target.isV6 {
            if transmit(bytes, output, target) { return }
        }
    }

    /// Sends to everybody who listens on the discovery port.
    func broadcast(_ bytes: [UInt8]) {
        if let discoveryAddress { return broadcast(bytes, to: discoveryAddress, from: nil) }
        let interfaces = present()
        for (target, own) in broadcastTargets(interfaces) {
            broadcast(bytes, to: target, from: own)
        }
        guard discovery.contains(where: \.bound.isV6) else { return }
        for own in interfaces.map(\.address) where own.isLinkLocalV6 {
            if let group = joinedGroup(scope: own.scope) {
                broadcast(bytes, to: group, from: own)
            }
        }
    }

    private func broadcast(
        _ bytes: [UInt8], to target: InternetAddress, from own: InternetAddress?
    ) {
        for output in outputs
        where output.bound.isV6 == target.isV6 && reaches(output.bound, own) {
            if transmit(bytes, output, target) { return }
        }
    }

    /// The group of one interface, which is heard from here on; nil where the interface is gone.
    private func joinedGroup(scope: UInt32) -> InternetAddress? {
        guard
            let group = InternetAddress(
                bytes: PeerNetwork.group, port: discoveryPort, scope: scope)
        else { return nil }
        if joined.contains(scope) { return group }
        do throws(PosixError) {
            for output in discovery where output.bound.isV6 {
                try output.socket.borrow { socket throws(PosixError) in
                    try InternetSocket.join(group, over: socket)
                }
            }
            // An interface that goes and comes again has another number.
            joined.insert(scope)
            return group
        } catch {
            if said.insert("group \(scope)").inserted {
                Log.write(.debug, "an IPv6 group cannot be joined", ["error": "\(error)"])
            }
            return nil
        }
    }

    /// The broadcast addresses, each once, with the address of this machine in that network.
    private func broadcastTargets(
        _ interfaces: [NetworkInterface]
    ) -> [(target: InternetAddress, own: InternetAddress)] {
        var targets: [(target: InternetAddress, own: InternetAddress)] = []
        for interface in interfaces {
            guard var target = interface.broadcast else { continue }
            target.port = discoveryPort
            if !targets.contains(where: { $0.target == target }) {
                targets.append((target, interface.address))
            }
        }
        return targets
    }

    /// Whether a socket may speak in the network in which `own` is this machine's address.
    private func reaches(_ bound: InternetAddress, _ own: InternetAddress?) -> Bool {
        guard let own, !bound.isUnspecified else { return true }
        return bound.bytes == own.bytes || (bound.isLoopback && own.isLoopback)
    }

    private func transmit(
        _ bytes: [UInt8], _ output: Output, _ target: InternetAddress
    ) -> Bool {
        do throws(PosixError) {
            let sent = try output.socket.borrow { socket throws(PosixError) in
                try InternetSocket.send(bytes, over: socket, to: target)
                return true
            }
            return sent ?? false
        } catch {
            // A full buffer is the network's loss; the rest is said once.
            if !error.isWouldBlock, said.count < 64, said.insert("\(target.host) \(error)").inserted
            {
                Log.write(
                    .debug, "a datagram cannot be sent",
                    ["to": target.description, "error": "\(error)"])
            }
            return false
        }
    }

    private func present() -> [NetworkInterface] {
        do throws(PosixError) {
            return try interfaces()
        } catch {
            if said.insert("interfaces").inserted {
                Log.write(
                    .warning, "the network interfaces are not known", ["error": "\(error)"])
            }
            return []
        }
    }

    /// Where peers reach this node, as far as this machine knows: at most as many as a node may name.
    func ownAddresses() -> [PeerAddress] {
        guard let port = outputs.first?.bound.port else { return [] }
        var found: [InternetAddress] = []
        let known = present()
        for output in outputs {
            if !output.bound.isUnspecified {
                found.append(output.bound)
                continue
            }
            // Link-local addresses of IPv6 mean nothing to others without their own zone.
            let usable = known.map(\.address).filter {
                $0.isV6 == output.bound.isV6 && !$0.isLoopback && !$0.isLinkLocalV6
            }
            found += usable
        }
        if found.isEmpty { found = known.map(\.address).filter(\.isLoopback) }
        var addresses: [PeerAddress] = []
        for address in found {
            let place = PeerAddress(host: address.host, port: port)
            if !addresses.contains(place) { addresses.append(place) }
        }
        return Array(addresses.prefix(IPCLimits.addressCountMax))
    }
}
