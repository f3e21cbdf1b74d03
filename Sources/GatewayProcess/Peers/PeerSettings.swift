internal import IPC
internal import Model

/// What the supervisor says of other nodes.
struct PeerSettings: Equatable, Sendable {
    var cluster: ClusterName
    var node: NodeID
    var peerPort: UInt16
    /// 0: no discovery.
    var discoveryPort: UInt16
    /// Nil: the broadcast address of every interface.
    var discoveryAddress: String?
    /// `HOST:PORT` of seeds.
    var join: [String]
    /// Milliseconds since 1970.
    var supervisorStarted: UInt64
    /// Nil: an open network.
    var clusterKey: ClusterKey?

    /// Nil where this node has no peer port.
    /// - Throws: a sentence that names the setting.
    init?(_ settings: Settings) throws(SettingsFault) {
        guard let text = settings[ConfigurationKey.peerPort], !text.isEmpty else { return nil }
        peerPort = try PeerSettings.port(text, ConfigurationKey.peerPort)
        guard peerPort != 0 else { return nil }
        guard let node = settings[ConfigurationKey.nodeID].flatMap({ NodeID($0) }) else {
            throw SettingsFault(message: "the setting \(ConfigurationKey.nodeID) is no node id")
        }
        self.node = node
        let name = settings[ConfigurationKey.clusterName] ?? ClusterName.standard.name
        guard let cluster = ClusterName(name) else {
            throw SettingsFault(
                message: "the setting \(ConfigurationKey.clusterName) is no name of a cluster")
        }
        self.cluster = cluster
        discoveryPort = try PeerSettings.port(
            settings[ConfigurationKey.discoveryPort] ?? "0", ConfigurationKey.discoveryPort)
        discoveryAddress = settings[ConfigurationKey.discoveryAddress].flatMap {
            $0.isEmpty ? nil : $0
        }
        join = (settings[ConfigurationKey.join] ?? "").split(separator: ",").map(String.init)
        let started = settings[ConfigurationKey.started].flatMap { Int64($0) } ?? 0
        supervisorStarted = UInt64(max(0, started / 1_000_000))
        if let text = settings[ConfigurationKey.clusterKey], !text.isEmpty {
            do throws(ClusterKey.Flaw) {
                clusterKey = try ClusterKey(text: text.utf8)
            } catch {
                throw SettingsFault(
                    message: "the setting \(ConfigurationKey.clusterKey): \(error.sentence)")
            }
        }
    }

    private static func port(_ text: String, _ name: String) throws(SettingsFault) -> UInt16 {
        guard let port = UInt16(text) else {
            throw SettingsFault(message: "the setting \(name) is \(text), not a port")
        }
        return port
    }
}
