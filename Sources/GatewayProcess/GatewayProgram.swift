internal import Glibc
internal import Model
internal import NIOCore
internal import NIOPosix
internal import Posix

/// The program `clusterf-gateway`: the only process that touches the network.
///
/// Started by the supervisor with its control link, and the listening sockets, as inherited
/// descriptors (LISTEN_FDS); everything else comes with `configure` over that link.
package enum GatewayProgram {
    /// The exit code that keeps the supervisor from starting the worker again.
    static let permanentFailure: Int32 = 125

    /// Serves until the supervisor lets go.
    package static func main(arguments: [String]) -> Never { exit(run(arguments: arguments)) }

    /// - Returns: the exit code, where there is nothing to serve.
    private static func run(arguments: [String]) -> Int32 {
        if arguments.dropFirst().contains("--version") { return printVersion() }
        SelfProcess.ignoreBrokenPipes()
        // The terminal's interrupt reaches the whole group; the supervisor decides what it means.
        _ = signal(SIGINT, SIG_IGN)
        do throws(PosixError) {
            var inherited = try ListenDescriptors()
            guard let control = inherited.take("control") else {
                Log.write(
                    .error, "clusterf-gateway is started by clusterf-supervisor, not by hand")
                return permanentFailure
            }
            var listeners: [DescriptorBox] = []
            while let listener = inherited.take("http") {
                listeners.append(DescriptorBox(listener))
            }
            var sockets = PeerService.Sockets()
            while let socket = inherited.take("peer") { sockets.listeners.append(socket.release()) }
            while let socket = inherited.take("peer-udp") {
                sockets.datagrams.append(socket.release())
            }
            while let socket = inherited.take("discovery") {
                sockets.discovery.append(socket.release())
            }
            serve(control, listeners, sockets)
        } catch {
            Log.write(.error, "the inherited descriptors cannot be used", ["error": "\(error)"])
            return permanentFailure
        }
        return 1
    }

    private static func printVersion() -> Int32 {
        do throws(PosixError) {
            let output = Descriptor(owning: 1)
            try FileIO.append([UInt8]("clusterf-gateway \(Program.version)\n".utf8), to: output)
            _ = output.release()
            return 0
        } catch {
            return 1
        }
    }

    private static func serve(
        _ control: consuming Descriptor, _ listeners: [DescriptorBox],
        _ peers: PeerService.Sockets
    ) {
        let generation = Environment.value(of: "CLUSTERF_GENERATION").flatMap { UInt64($0) } ?? 0
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        // Numbers cross to the loop; the boxes with their owners do not.
        let numbers = listeners.compactMap { $0.take()?.release() }
        let socket = control.release()
        let closed = loop.flatSubmit {
            let gateway = Gateway(
                control: loop, generation: generation,
                listeners: numbers.map { DescriptorBox(Descriptor(owning: $0)) },
                peerSockets: peers)
            let control = ControlLink(generation: generation, delegate: gateway)
            gateway.link = control
            let link = NIOLoopBound(control, eventLoop: loop)
            return ClientBootstrap(group: group)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(link.value)
                    }
                }
                .withConnectedSocket(socket)
                .flatMap { $0.closeFuture }
        }
        do {
            try closed.wait()
        } catch {
            Log.write(.error, "the control link cannot be used", ["error": "\(error)"])
        }
    }
}
