internal import Glibc
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
        if configuration.httpPort != 0 {
            port = configuration.httpPort
            do {
                try listen(configuration, port: port)
            } catch {
                throw HTTPListeners.startError(error, port: port)
            }
            return
        }
        if let kept {
            port = kept
            do {
                try listen(configuration, port: kept)
                return
            } catch {
                guard error.cause.code == EADDRINUSE else {
                    throw HTTPListeners.startError(error, port: kept)
                }
                notes.append("the kept port \(kept) is in use by another program: moved")
            }
        }
        for _ in 0..<SupervisorLimits.portTrialsMax {
            port = UInt16.random(in: SupervisorLimits.automaticPorts, using: &generator)
            do {
                try listen(configuration, port: port)
                return
            } catch {
                guard error.cause.code == EADDRINUSE else {
                    throw HTTPListeners.startError(error, port: port)
                }
            }
        }
        let range = SupervisorLimits.automaticPorts
        throw StartError(
            .unavailable,
            "no free port found of \(range.lowerBound) to \(range.upperBound)",
            hint: "name one with --http-port")
    }

    /// Which address could not be bound, and why.
    private struct Failure: Error {
        var address: BindAddress
        var cause: PosixError
    }

    private mutating func listen(
        _ configuration: Configuration, port: UInt16
    ) throws(Failure) {
        listeners = []
        for address in configuration.bind {
            do {
                listeners.append(DescriptorBox(try TCPListener.listen(at: address, port: port)))
            } catch {
                // A machine without IPv6 (or IPv4) is served by the other, unless asked for.
                let isAbsent = [EAFNOSUPPORT, EADDRNOTAVAIL].contains(error.code)
                guard isAbsent, !configuration.isBindExplicit else {
                    throw Failure(address: address, cause: error)
                }
                notes.append("not listening on \(address): \(error)")
            }
        }
        if listeners.isEmpty, let address = configuration.bind.first {
            throw Failure(address: address, cause: PosixError(EADDRNOTAVAIL, "bind"))
        }
    }

    private static func startError(_ failure: Failure, port: UInt16) -> StartError {
        let address = failure.address
        switch failure.cause.code {
        case EADDRINUSE:
            return StartError(
                .unavailable,
                "--http-port \(port) is in use by another program (on \(address))",
                hint: "stop that program, or choose another --http-port (0: a free one)")
        case EACCES:
            return StartError(
                .unavailable, "--http-port \(port) may not be used by this user",
                hint: "ports below 1024 need root, CAP_NET_BIND_SERVICE or socket activation")
        case EADDRNOTAVAIL:
            return StartError(
                .unavailable, "--bind \(address) is no address of this machine")
        default:
            return StartError(
                .unavailable,
                "cannot listen on \(address), --http-port \(port): "
                    + "\(failure.cause)")
        }
    }
}
