internal import Glibc
internal import Posix

/// The sockets for other nodes: TCP and UDP at one port on each address, and the one on which nodes
/// find each other.
struct PeerSockets {
    private(set) var listeners: [DescriptorBox] = []
    private(set) var datagrams: [DescriptorBox] = []
    private(set) var port: UInt16
    private(set) var discovery: [DescriptorBox] = []
    /// 0: other nodes are not looked for.
    private(set) var discoveryPort: UInt16 = 0
    /// What a person should know; may be empty.
    private(set) var notes: [String] = []

    init(
        _ configuration: Configuration, kept: UInt16?,
        using generator: inout some RandomNumberGenerator
    ) throws(StartError) {
        let search = PortSearch(
            option: "--peer-port", wanted: configuration.peers.port, kept: kept)
        var streams: [DescriptorBox] = []
        var packets: [DescriptorBox] = []
        port = try search.find(notes: &notes, using: &generator) {
            port throws(PortSearch.Failure) in
            streams = []
            packets = []
            // What is absent was said of HTTP, which has the same addresses.
            _ = try configuration.bindAll { address throws(PosixError) in
                let stream = DescriptorBox(try TCPListener.listen(at: address, port: port))
                packets.append(
                    DescriptorBox(
                        try DatagramSocket.bind(at: address, port: port, isShared: false)))
                streams.append(stream)
            }
        }
        listeners = streams
        datagrams = packets
        openDiscovery(configuration)
    }

    /// Without it a node is found by --join and by those that it found before: a warning, no end.
    private mutating func openDiscovery(_ configuration: Configuration) {
        let options = configuration.peers
        guard let everywhere = BindAddress("0.0.0.0") else { return }
        let address: BindAddress
        switch options.discoveryAddress {
        case .off: return
        case .everyInterface: address = everywhere
        case .one(let one): address = one
        }
        do throws(PosixError) {
            discovery = [DescriptorBox(try PeerSockets.listen(address, options, everywhere))]
            discoveryPort = options.discoveryPort
        } catch {
            notes.append(
                "other nodes are not looked for: UDP port \(options.discoveryPort) cannot be used:"
                    + " \(error)")
        }
        if options.discoveryAddress == .everyInterface { openMulticast(configuration) }
    }

    /// IPv6 has no broadcast: a group of link-local scope, which the gateway joins on each interface.
    private mutating func openMulticast(_ configuration: Configuration) {
        guard configuration.bind.contains(where: { $0.family == .v6 }),
            let everywhere = BindAddress("::")
        else { return }
        let port = configuration.peers.discoveryPort
        do throws(PosixError) {
            discovery.append(
                DescriptorBox(
                    try DatagramSocket.bind(at: everywhere, port: port, isShared: true)))
            discoveryPort = port
        } catch {
            // A machine without IPv6 has nobody there.
            guard ![EAFNOSUPPORT, EADDRNOTAVAIL].contains(error.code) else { return }
            notes.append(
                "other nodes are not looked for by IPv6: UDP port \(port) cannot be used:"
                    + " \(error)")
        }
    }

    /// At the address itself, so that nothing of other networks is heard; a machine that does not know
    /// it as an address of its own listens on all.
    private static func listen(
        _ address: BindAddress, _ options: PeerOptions, _ everywhere: BindAddress
    ) throws(PosixError) -> Descriptor {
        do throws(PosixError) {
            return try DatagramSocket.bind(
                at: address, port: options.discoveryPort, isShared: true)
        } catch {
            guard error.code == EADDRNOTAVAIL else { throw error }
            return try DatagramSocket.bind(
                at: everywhere, port: options.discoveryPort, isShared: true)
        }
    }
}
