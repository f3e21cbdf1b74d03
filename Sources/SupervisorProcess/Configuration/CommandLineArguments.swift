internal import ArgumentParser
internal import Model

/// The command line of `clusterf-supervisor`.
struct CommandLineArguments: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "clusterf-supervisor",
        abstract: "Starts a node of clusterf, a file store that organizes itself.",
        discussion: """
            Each option can also stand in a TOML file (--config FILE) under the same name, and in \
            the environment as CLUSTERF_NAME (CLUSTERF_HTTP_PORT). The command line wins over the \
            environment, the environment over the file.
            """,
        version: "clusterf \(Program.version)")

    @Option(name: .customLong("node-id"), help: "Name of this node; else made once and kept.")
    var nodeID: String?

    @Option(
        name: .customLong("data-dir"),
        help: "Base directory; the node's own is below it. (default: ./data)")
    var dataDirectory: String?

    @Option(
        name: .customLong("http-port"),
        help: "Port for HTTP; 0: a free one of 30000-32767, then kept. (default: 0)")
    var httpPort: String?

    @Option(
        name: .long, parsing: .singleValue,
        help: "IP address to listen on; may be repeated. (default: 0.0.0.0 and ::)")
    var bind: [String] = []

    @Option(
        name: .customLong("peer-port"),
        help: "Port for other nodes, TCP and UDP; 0: a free one, then kept. (default: 0)")
    var peerPort: String?

    @Option(
        name: .customLong("discovery-port"),
        help: "UDP port on which nodes find each other. (default: 9999)")
    var discoveryPort: String?

    @Option(
        name: .customLong("discovery-address"),
        help: """
            IPv4 address to which this node announces itself, or off. (default: broadcast of every \
            interface)
            """)
    var discoveryAddress: String?

    @Option(
        name: .long, parsing: .singleValue,
        help: "HOST:PORT (its peer port) of another node; may be repeated.")
    var join: [String] = []

    @Option(
        name: .customLong("cluster-name"),
        help: "Nodes of one name belong together. (default: default)")
    var clusterName: String?

    @Option(
        name: .customLong("cluster-key-file"),
        help: """
            File with the cluster's secret key (clusterfctl keygen): only nodes that have it belong to \
            the cluster, and their connections are encrypted. (default: open network)
            """)
    var clusterKeyFile: String?

    @Option(name: .long, help: "Where this node stands: copies are spread over zones.")
    var zone: String?

    @Option(
        name: .long,
        help: "Space that this node offers: bytes, or with K, M, G, T. (default: what is free)")
    var capacity: String?

    @Flag(name: .customLong("no-store"), help: "Keep nothing here: only serve what others keep.")
    var noStore = false

    @Option(name: .long, help: "Cluster path that is served over WebDAV. (default: /)")
    var webdav: String?

    @Option(
        name: .customLong("storage-major"),
        help: "How content is stored: rawfile, extent, sqlite or bolt. (default: rawfile)")
    var storageMajor: String?

    @Option(name: .customLong("storage-minor"), help: "On-disk version. (default: the newest)")
    var storageMinor: String?

    @Option(
        name: .customLong("encryption-key"),
        help: """
            Phrase with which all that the node keeps is encrypted; every user of the machine can see \
            it in the list of processes. (default: not encrypted)
            """)
    var encryptionKey: String?

    @Option(
        name: .customLong("encryption-key-file"),
        help: "File with that phrase, or with any other bytes.")
    var encryptionKeyFile: String?

    @Option(
        name: .customLong("sim-nodes"),
        help: """
            So many nodes on this machine, with a demo file each; data in a temporary directory \
            unless --data-dir is given.
            """)
    var simNodes: String?

    @Option(
        name: .customLong("base-port"),
        help: "HTTP port of the first of --sim-nodes, the others follow. (default: 30000)")
    var basePort: String?

    @Flag(name: .customLong("no-desktop"), help: "Do not open the dashboard in a browser.")
    var noDesktop = false

    @Flag(name: .long, help: "Log more.")
    var debug = false

    @Option(
        name: .customLong("max-body-bytes"), help: "Largest body of a request. (default: 1 TiB)")
    var maxBodyBytes: String?

    @Option(name: .customLong("max-connections"), help: "HTTP connections in all.")
    var maxConnections: String?

    @Option(
        name: .customLong("max-connections-per-address"), help: "HTTP connections of one address.")
    var maxConnectionsPerAddress: String?

    @Option(name: .customLong("idle-timeout"), help: "Seconds until an idle connection is closed.")
    var idleTimeout: String?

    @Option(name: .customLong("header-timeout"), help: "Seconds that a request's head may take.")
    var headerTimeout: String?

    @Option(name: .long, help: "TOML file with these options.")
    var config: String?

    /// - Throws: the parser's own errors, among them those that ask for help.
    static func read(_ arguments: [String]) throws -> CommandLineArguments {
        try parse(arguments)
    }

    /// What was given, by name.
    var given: GivenOptions {
        let texts: [(OptionName, String?)] = [
            (.nodeID, nodeID), (.dataDirectory, dataDirectory), (.httpPort, httpPort),
            (.webdav, webdav), (.storageMajor, storageMajor), (.storageMinor, storageMinor),
            (.maxBodyBytes, maxBodyBytes), (.maxConnections, maxConnections),
            (.maxConnectionsPerAddress, maxConnectionsPerAddress), (.idleTimeout, idleTimeout),
            (.headerTimeout, headerTimeout), (.noDesktop, noDesktop ? "true" : nil),
            (.debug, debug ? "true" : nil), (.peerPort, peerPort),
            (.discoveryPort, discoveryPort), (.discoveryAddress, discoveryAddress),
            (.clusterName, clusterName), (.clusterKeyFile, clusterKeyFile), (.zone, zone),
            (.capacity, capacity), (.encryptionKey, encryptionKey),
            (.encryptionKeyFile, encryptionKeyFile),
            (.noStore, noStore ? "true" : nil), (.simNodes, simNodes), (.basePort, basePort),
        ]
        var given = GivenOptions()
        for case (let name, let text?) in texts {
            given[name] = .init(texts: [text], place: "--\(name.rawValue)")
        }
        if !bind.isEmpty { given[.bind] = .init(texts: bind, place: "--bind") }
        if !join.isEmpty { given[.join] = .init(texts: join, place: "--join") }
        return given
    }

    /// Refuses what belongs to a later version by name, before the parser calls it unknown.
    static func refuseLater(_ arguments: [String]) throws(StartError) {
        for argument in arguments where argument.hasPrefix("--") {
            if argument == "--" { return }
            let name = argument.dropFirst(2).prefix { $0 != "=" }
            if OptionName.later.contains(String(name)) {
                throw GivenOptions.notAvailable("--\(name)")
            }
        }
    }
}
