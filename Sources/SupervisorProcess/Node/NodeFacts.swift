internal import Model

/// What does not change while a node runs.
struct NodeFacts {
    var nodeID: NodeID
    /// Absolute, as all directories here.
    var dataDirectory: String
    var nodeDirectory: String
    var runDirectory: String
    var httpPort: UInt16
    /// For a browser on this machine.
    var url: String
    var started: Timestamp
    var pid: Int32
    var debug: Bool
    /// As they were asked for; nil: as the data directory has it.
    var storageMajor: StorageKind?
    var storageMinor: UInt32?
    var webdav: String
    var gatewayLimits: [String: String]
    var peers: PeerOptions
    var encryption: EncryptionOptions
    var peerPort: UInt16
    /// 0: other nodes are not looked for.
    var discoveryPort: UInt16

    var storeSocket: String { runDirectory + "/store.sock" }
    var storeDescriptorSocket: String { runDirectory + "/store.fds.sock" }
    var controlSocket: String { runDirectory + "/control.sock" }
}
