/// The options of a node, by the name that they have on the command line (after `--`) and in the
/// configuration file; in the environment it is `CLUSTERF_` and the name in capitals.
enum OptionName: String, CaseIterable {
    case nodeID = "node-id"
    case dataDirectory = "data-dir"
    case httpPort = "http-port"
    case bind
    case peerPort = "peer-port"
    case discoveryPort = "discovery-port"
    case discoveryAddress = "discovery-address"
    case join
    case clusterName = "cluster-name"
    case clusterKeyFile = "cluster-key-file"
    case zone
    case capacity
    case noStore = "no-store"
    case webdav
    case storageMajor = "storage-major"
    case storageMinor = "storage-minor"
    case encryptionKey = "encryption-key"
    case encryptionKeyFile = "encryption-key-file"
    case simNodes = "sim-nodes"
    case basePort = "base-port"
    case noDesktop = "no-desktop"
    case debug
    case maxBodyBytes = "max-body-bytes"
    case maxConnections = "max-connections"
    case maxConnectionsPerAddress = "max-connections-per-address"
    case idleTimeout = "idle-timeout"
    case headerTimeout = "header-timeout"

    /// How an option is written.
    enum Kind {
        case text
        case number
        case flag
        case list
    }

    var kind: Kind {
        switch self {
        case .nodeID, .dataDirectory, .webdav, .storageMajor, .discoveryAddress, .clusterName,
            .clusterKeyFile, .zone, .capacity, .encryptionKey, .encryptionKeyFile:
            .text
        case .httpPort, .peerPort, .discoveryPort, .storageMinor, .simNodes, .basePort,
            .maxBodyBytes, .maxConnections, .maxConnectionsPerAddress, .idleTimeout,
            .headerTimeout:
            .number
        case .noDesktop, .debug, .noStore: .flag
        case .bind, .join: .list
        }
    }

    var environmentName: String { OptionName.environmentName(rawValue) }

    static func environmentName(_ name: String) -> String {
        "CLUSTERF_" + name.uppercased().map { $0 == "-" ? "_" : String($0) }.joined()
    }

    /// Options of clusterf that this version does not have yet. They are refused, not ignored:
    /// who asks for something must not get a node without it.
    static let later: Set<String> = [
        "import-dir", "export-dir", "cluster-dir", "exclude-dirs",
        "tls-cert", "tls-key", "profiling",
    ]
}

/// What one source says of the options.
struct GivenOptions: Equatable {
    /// A value as it was written, and where, in the words of a message.
    struct Value: Equatable {
        var texts: [String]
        var place: String

        /// The one text of an option that is no list.
        var text: String { texts.last ?? "" }
    }

    var values: [OptionName: Value] = [:]

    subscript(name: OptionName) -> Value? {
        get { values[name] }
        set { values[name] = newValue }
    }

    /// These, and where they say nothing, `others`.
    func over(_ others: GivenOptions) -> GivenOptions {
        GivenOptions(values: values.merging(others.values) { mine, _ in mine })
    }

    static func notAvailable(_ place: String) -> StartError {
        StartError(.usage, "\(place) is not available in this version")
    }
}
