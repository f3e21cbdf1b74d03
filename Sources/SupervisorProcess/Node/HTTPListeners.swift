internal import Posix

/// The listening sockets for HTTP: one per address, all on one port.
struct HTTPListeners {
    private(set) var listeners: [DescriptorBox] = []
    private(set) var port: UInt16
    /// What a person should know of the choice; may be empty.
    private(set) var notes: [String] = []

    /// Sockets that a service manager made.
    init?(activated: consuming ListenDescriptors) {
        var activated = activated
        var first: UInt16?
        while let descriptor = activated.takeFirst() {
            guard let port = TCPListener.port(of: descriptor) else {
                notes.append("a socket from the service manager is no TCP listener: not used")
                continue
            }
            first = first ?? port
            listeners.append(DescriptorBox(descriptor))
        }
        guard let first else { return nil }
        port = first
    }

    /// Sockets of our own: the port that was asked for, the kept one, or a free one.
    init(
        _ configuration: Configuration, kept: UInt16?,
        using generator: inout some RandomNumberGenerator
    ) throws(StartError) {
        let search = PortSearch(option: "--http-port", wanted: configuration.httpPort, kept: kept)
        var found: [DescriptorBox] = []
        var absent: [String] = []
        port = try search.find(notes: &notes, using: &generator) {
            port throws(PortSearch.Failure) in
            found = []
            absent = try configuration.bindAll { address throws(PosixError) in
                found.append(DescriptorBox(try TCPListener.listen(at: address, port: port)))
            }
        }
        listeners = found
        notes += absent
    }
}
