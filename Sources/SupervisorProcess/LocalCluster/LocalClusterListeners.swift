internal import Glibc
internal import Posix

/// The HTTP sockets of all nodes of `--sim-nodes`, made before anything starts: a port that somebody
/// has is found at once, and no node takes another one's.
enum LocalClusterListeners {
    /// - Returns: the sockets of each node, one per address.
    static func open(_ options: LocalClusterOptions) throws(StartError) -> [[DescriptorBox]] {
        var all: [[DescriptorBox]] = []
        for node in options.nodes {
            var sockets: [DescriptorBox] = []
            for address in options.bind {
                do throws(PosixError) {
                    let socket = try TCPListener.listen(at: address, port: node.httpPort)
                    sockets.append(DescriptorBox(socket))
                } catch {
                    throw startError(error, address, node, options)
                }
            }
            all.append(sockets)
        }
        return all
    }

    private static func startError(
        _ error: PosixError, _ address: BindAddress, _ node: LocalClusterOptions.Node,
        _ options: LocalClusterOptions
    ) -> StartError {
        let port = "--base-port \(options.basePort): port \(node.httpPort), of \(node.name),"
        switch error.code {
        case EADDRINUSE:
            return StartError(
                .unavailable, "\(port) is in use by another program (on \(address))",
                hint: "stop that program, or choose another --base-port")
        case EACCES:
            return StartError(
                .unavailable, "\(port) may not be used by this user",
                hint: "ports below 1024 need root or CAP_NET_BIND_SERVICE")
        case EADDRNOTAVAIL:
            return StartError(.unavailable, "--bind \(address) is no address of this machine")
        case EMFILE:
            return StartError(
                .unavailable, "too many nodes for this process's limit of open files",
                hint: "raise it (ulimit -n), or start fewer nodes")
        default:
            return StartError(.unavailable, "\(port) cannot be listened on: \(error)")
        }
    }
}
