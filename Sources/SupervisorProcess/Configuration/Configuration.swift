internal import Model
internal import Posix

/// What a person asked of this node, checked.
struct Configuration: Equatable {
    var nodeID: NodeID?
    var dataDirectory: String
    /// 0: a free one, then kept.
    var httpPort: UInt16
    var bind: [BindAddress]
    /// Whether the addresses were asked for, or are the default.
    var isBindExplicit: Bool
    var opensDesktop: Bool
    var debug: Bool
    /// As they were given, for a check by the store; nil: what the data directory has, and in a new one
    /// rawfile and the newest.
    var storageMajor: StorageKind?
    var storageMinor: UInt32?
    var webdav: String
    /// Passed to the gateway, by the names of `ConfigurationKey`.
    var gatewayLimits: [String: String]
    var peers: PeerOptions
    var encryption: EncryptionOptions

    static let defaultBind = ["0.0.0.0", "::"]

    /// - Parameter given: the merged sources.
    init(_ given: GivenOptions) throws(StartError) {
        if let place = given[.basePort]?.place {
            throw StartError(
                .usage, "\(place) belongs to --sim-nodes",
                hint: "one node's port is --http-port")
        }
        nodeID = try Configuration.nodeID(given[.nodeID])
        dataDirectory = given[.dataDirectory]?.text ?? "./data"
        if dataDirectory.isEmpty || dataDirectory.utf8.contains(0) {
            throw StartError(.usage, "\(given[.dataDirectory]?.place ?? "") is no directory")
        }
        httpPort = UInt16(
            try Configuration.number(given[.httpPort], in: 0...UInt64(UInt16.max)) ?? 0)
        isBindExplicit = given[.bind] != nil
        bind = try Configuration.addresses(given[.bind])
        opensDesktop = !(try Configuration.flag(given[.noDesktop]))
        debug = try Configuration.flag(given[.debug])
        storageMajor = try Configuration.storage(given[.storageMajor])
        // The directory may have another kind than the default: the store knows.
        let versions = storageMajor?.versions ?? 1...UInt64(UInt32.max)
        storageMinor = try Configuration.number(given[.storageMinor], in: versions)
            .map { UInt32($0) }
        webdav = given[.webdav]?.text ?? "/"
        do {
            _ = try StorePath(validating: webdav.utf8)
        } catch {
            throw StartError(
                .usage, "\(given[.webdav]?.place ?? "") must be a path like /photos")
        }
        gatewayLimits = try Configuration.limits(given)
        peers = try PeerOptions(given)
        encryption = try EncryptionOptions(given)
    }

    private static func nodeID(_ value: GivenOptions.Value?) throws(StartError) -> NodeID? {
        guard let value else { return nil }
        if let id = NodeID(value.text) { return id }
        throw StartError(
            .usage, "\(value.place): \"\(value.text)\" is no node id",
            hint: "1 to \(NodeID.byteCountMax) letters, digits, '.', '_' or '-',"
                + " not starting with a dot")
    }

    static func number(
        _ value: GivenOptions.Value?, in range: ClosedRange<UInt64>
    ) throws(StartError) -> UInt64? {
        guard let value else { return nil }
        if let number = UInt64(value.text), range.contains(number) { return number }
        throw StartError(
            .usage,
            "\(value.place): \"\(value.text)\" is not a whole number of"
                + " \(range.lowerBound) to \(range.upperBound)")
    }

    static func flag(_ value: GivenOptions.Value?) throws(StartError) -> Bool {
        guard let value else { return false }
        switch value.text.lowercased() {
        case "true", "1", "yes", "on": return true
        case "false", "0", "no", "off", "": return false
        default:
            throw StartError(.usage, "\(value.place): \"\(value.text)\" is not true or false")
        }
    }

    private static func addresses(
        _ value: GivenOptions.Value?
    ) throws(StartError) -> [BindAddress] {
        let texts = value?.texts ?? defaultBind
        let place = value?.place ?? "--bind"
        var found: [BindAddress] = []
        for text in texts {
            guard let address = BindAddress(text) else {
                throw StartError(.usage, "\(place): \"\(text)\" is no IP address")
            }
            if found.contains(address) {
                throw StartError(.usage, "\(place): \(text) is given twice")
            }
            found.append(address)
        }
        guard (1...SupervisorLimits.bindMax).contains(found.count) else {
            throw StartError(
                .usage, "\(place): 1 to \(SupervisorLimits.bindMax) addresses, not \(found.count)")
        }
        return found
    }

    private static func storage(
        _ value: GivenOptions.Value?
    ) throws(StartError) -> StorageKind? {
        guard let value else { return nil }
        if let kind = StorageKind(rawValue: value.text) { return kind }
        throw StartError(
            .usage, "\(value.place): unknown storage \"\(value.text)\"",
            hint: "it is \(StorageKind.list)")
    }

    private static func limits(_ given: GivenOptions) throws(StartError) -> [String: String] {
        // A day: what a person means by more is "never". The gateway has the same bounds.
        let seconds: ClosedRange<UInt64> = 1...86_400
        let counts: ClosedRange<UInt64> = 1...1_000_000
        let bytes: ClosedRange<UInt64> = 0...UInt64(Int64.max)
        var limits: [String: String] = [:]
        limits[ConfigurationKey.maxBodyBytes] =
            try number(given[.maxBodyBytes], in: bytes).map(String.init)
        limits[ConfigurationKey.maxConnections] =
            try number(given[.maxConnections], in: counts).map(String.init)
        limits[ConfigurationKey.maxConnectionsPerAddress] =
            try number(given[.maxConnectionsPerAddress], in: counts).map(String.init)
        limits[ConfigurationKey.idleTimeoutMilliseconds] =
            try number(given[.idleTimeout], in: seconds).map { String($0 * 1000) }
        limits[ConfigurationKey.headerTimeoutMilliseconds] =
            try number(given[.headerTimeout], in: 1...3600).map { String($0 * 1000) }
        return limits
    }
}

extension Configuration {
    /// Reads the command line, the environment and the file that they name.
    ///
    /// - Parameter environment: a variable's value, nil where it is not set.
    static func read(
        _ arguments: CommandLineArguments, environment: (String) -> String?
    ) throws(StartError) -> Configuration {
        try Configuration(try merged(arguments, environment: environment))
    }

    /// What the command line, the environment and the file say, not checked yet.
    static func merged(
        _ arguments: CommandLineArguments, environment: (String) -> String?
    ) throws(StartError) -> GivenOptions {
        var file = GivenOptions()
        if let path = arguments.config ?? environment(configVariable) {
            file = try ConfigurationFile.parse(try contents(of: path), place: path)
        }
        return arguments.given.over(try fromEnvironment(environment)).over(file)
    }

    /// The variable that names the configuration file.
    static let configVariable = "CLUSTERF_CONFIG"

    static func fromEnvironment(
        _ environment: (String) -> String?
    ) throws(StartError) -> GivenOptions {
        var given = GivenOptions()
        for name in OptionName.later.sorted() {
            let variable = OptionName.environmentName(name)
            if environment(variable) != nil { throw GivenOptions.notAvailable(variable) }
        }
        for option in OptionName.allCases {
            guard let text = environment(option.environmentName) else { continue }
            let texts = option.kind == .list ? text.split(separator: ",").map(String.init) : [text]
            given[option] = .init(texts: texts, place: option.environmentName)
        }
        return given
    }

    private static func contents(of path: String) throws(StartError) -> String {
        do {
            let file = try Directory.open(BytePath(path), in: .workingDirectory)
            let size = try FileIO.status(of: file).size
            guard size <= SupervisorLimits.configurationBytesMax else {
                throw StartError(.usage, "--config \(path): too large for a configuration file")
            }
            let bytes = try FileIO.read(file, count: Int(size), at: 0)
            return String(decoding: bytes, as: UTF8.self)
        } catch let error as StartError {
            throw error
        } catch {
            throw StartError(.usage, "--config \(path): \(error)")
        }
    }
}
