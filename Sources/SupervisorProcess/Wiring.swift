internal import IPC
internal import Model
internal import Supervision

/// The listening sockets that the supervisor makes and workers inherit, by the names of
/// `LISTEN_FDNAMES`.
enum SocketName: String {
    case http
    /// TCP for other nodes.
    case peer
    /// UDP for other nodes, on the same port.
    case peerDatagrams = "peer-udp"
    case discovery
    case store
    case storeDescriptors = "store-fds"
}

/// One worker, and all that connects it with the rest.
struct WorkerWiring {
    var name: String
    var role: Role
    var program: String
    var restart: RestartStyle
    /// What it listens on.
    var sockets: [SocketName]
    /// Who may connect to its sockets; a pair that is not listed has no link.
    var clients: [Role]
    /// Whether it is told of all workers' states.
    var hearsOfWorkers: Bool
    /// What `clusterf-exec` fences it with.
    var sandbox: [String]
    /// What it is configured with.
    var settings: [String: String]
}

/// The whole of a node: which processes there are, who may talk to whom, what each may touch.
enum Wiring {
    /// In the order of their start: who is used before who uses it.
    static func workers(_ facts: NodeFacts) -> [WorkerWiring] {
        let common = [
            ConfigurationKey.nodeID: facts.nodeID.name,
            ConfigurationKey.debug: facts.debug ? "true" : "false",
            ConfigurationKey.clusterName: facts.peers.clusterName.name,
        ]
        let store = WorkerWiring(
            name: "store", role: .store, program: "clusterf-store", restart: .exclusive,
            sockets: [.store, .storeDescriptors], clients: [.gateway], hearsOfWorkers: false,
            sandbox: ["--deny-inet", "--landlock-rw", facts.nodeDirectory],
            settings: common.merging([
                ConfigurationKey.nodeDirectory: facts.nodeDirectory,
                ConfigurationKey.storageMajor: facts.storageMajor?.rawValue ?? "",
                ConfigurationKey.storageMinor: facts.storageMinor.map(String.init) ?? "",
            ]) { $1 }.merging(facts.peers.storeSettings(facts)) { $1 }
                .merging(facts.encryption.storeSettings) { $1 })
        let gateway = WorkerWiring(
            name: "gateway", role: .gateway, program: "clusterf-gateway", restart: .seamless,
            sockets: [.http, .peer, .peerDatagrams, .discovery], clients: [],
            hearsOfWorkers: true, sandbox: ["--landlock", "--landlock-names"],
            settings: common.merging([
                ConfigurationKey.dataDirectory: facts.dataDirectory,
                ConfigurationKey.httpPort: String(facts.httpPort),
                ConfigurationKey.storeSocket: facts.storeSocket,
                ConfigurationKey.storeDescriptorSocket: facts.storeDescriptorSocket,
                ConfigurationKey.webdav: facts.webdav,
                ConfigurationKey.started: String(facts.started.nanoseconds),
            ]) { $1 }.merging(facts.peers.gatewaySettings(facts)) { $1 }
                .merging(facts.gatewayLimits) { $1 })
        return [store, gateway]
    }
}
