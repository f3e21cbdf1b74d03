internal import Model

/// What a person said of the cluster and of other nodes, checked.
struct PeerOptions: Equatable {
    /// Where this node announces itself.
    enum DiscoveryAddress: Equatable {
        case everyInterface
        /// An IPv4 address, commonly a broadcast one.
        case one(BindAddress)
        case off
    }

    /// 0: a free one, then kept.
    var port: UInt16
    var discoveryPort: UInt16
    var discoveryAddress: DiscoveryAddress
    /// `HOST:PORT`, as given.
    var join: [String]
    var clusterName: ClusterName
    /// Nil: an open network.
    var key: KeyFile?
    /// Nil: nowhere in particular.
    var zone: String?
    /// Bytes; nil: what is free at the first start.
    var capacity: UInt64?
    var keepsNothing: Bool

    init(_ given: GivenOptions) throws(StartError) {
        port = UInt16(
            try Configuration.number(given[.peerPort], in: 0...UInt64(UInt16.max)) ?? 0)
        discoveryPort = UInt16(
            try Configuration.number(given[.discoveryPort], in: 1...UInt64(UInt16.max))
                ?? UInt64(SupervisorLimits.discoveryPort))
        discoveryAddress = try PeerOptions.discovery(given[.discoveryAddress])
        join = try PeerOptions.join(given[.join])
        clusterName = .standard
        if let value = given[.clusterName] {
            guard let name = ClusterName(value.text) else {
                throw PeerOptions.noName(value, "cluster")
            }
            clusterName = name
        }
        if let value = given[.clusterKeyFile] {
            key = try KeyFile.read(value.text, place: value.place)
        }
        if let value = given[.zone] {
            // The rule of the names that people type: one for all.
            guard NodeID(value.text) != nil else { throw PeerOptions.noName(value, "zone") }
            zone = value.text
        }
        capacity = try PeerOptions.capacity(given[.capacity])
        keepsNothing = try Configuration.flag(given[.noStore])
        if keepsNothing, capacity != nil, let place = given[.capacity]?.place {
            throw StartError(.usage, "\(place): a node with --no-store offers no space")
        }
    }

    private static func noName(_ value: GivenOptions.Value, _ what: String) -> StartError {
        StartError(
            .usage, "\(value.place): \"\(value.text)\" is no name of a \(what)",
            hint: "1 to \(ClusterName.byteCountMax) letters, digits, '.', '_' or '-',"
                + " not starting with a dot")
    }

    private static func discovery(
        _ value: GivenOptions.Value?
    ) throws(StartError) -> DiscoveryAddress {
        guard let value else { return .everyInterface }
        if value.text == "off" { return .off }
        guard let address = BindAddress(value.text), address.family == .v4,
            !address.isUnspecified
        else {
            throw StartError(
                .usage, "\(value.place): \"\(value.text)\" is no IPv4 address and not \"off\"",
                hint: "without it, the broadcast address of every interface is used")
        }
        return .one(address)
    }

    private static func join(_ value: GivenOptions.Value?) throws(StartError) -> [String] {
        guard let value else { return [] }
        for text in value.texts where !isPlace(text) {
            throw StartError(
                .usage, "\(value.place): \"\(text)\" is not HOST:PORT",
                hint: "PORT is the peer port of that node; an IPv6 address stands in brackets")
        }
        guard value.texts.count <= SupervisorLimits.joinsMax else {
            throw StartError(
                .usage, "\(value.place): at most \(SupervisorLimits.joinsMax) nodes")
        }
        return value.texts
    }

    private static func isPlace(_ text: String) -> Bool {
        guard let colon = text.lastIndex(of: ":"),
            let port = UInt16(text[text.index(after: colon)...]), port != 0
        else { return false }
        let host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            return BindAddress(String(host.dropFirst().dropLast()))?.family == .v6
        }
        return (1...SupervisorLimits.hostNameBytesMax).contains(host.utf8.count)
            && host.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F: true
                default: false
                }
            }
    }

    private static func capacity(_ value: GivenOptions.Value?) throws(StartError) -> UInt64? {
        guard let value else { return nil }
        let digits = value.text.prefix { $0.isASCII && $0.isNumber }
        let shifts: [String: UInt64] = ["": 0, "K": 10, "M": 20, "G": 30, "T": 40]
        let unit = value.text.dropFirst(digits.count).uppercased()
        guard let number = UInt64(digits), let shift = shifts[unit], number > 0,
            number <= UInt64(Int64.max) >> shift
        else {
            throw StartError(
                .usage, "\(value.place): \"\(value.text)\" is no number of bytes",
                hint: "such as 500G: K, M, G and T are powers of 1024")
        }
        return number << shift
    }

    /// What is wrong, for people, and keeps nothing from working.
    var notes: [String] { [key?.warning].compactMap { $0 } }

    // MARK: What workers are told

    func storeSettings(_ facts: NodeFacts) -> [String: String] {
        var settings = [
            ConfigurationKey.noStore: keepsNothing ? "true" : "false",
            ConfigurationKey.discovers: facts.discoveryPort == 0 ? "false" : "true",
            ConfigurationKey.joins: join.isEmpty ? "false" : "true",
        ]
        settings[ConfigurationKey.zone] = zone
        settings[ConfigurationKey.capacity] = capacity.map(String.init)
        return settings
    }

    func gatewaySettings(_ facts: NodeFacts) -> [String: String] {
        var settings = [
            ConfigurationKey.peerPort: String(facts.peerPort),
            ConfigurationKey.discoveryPort: String(facts.discoveryPort),
            ConfigurationKey.join: join.joined(separator: ","),
        ]
        settings[ConfigurationKey.clusterKey] = key?.key.text
        if case .one(let address) = discoveryAddress {
            settings[ConfigurationKey.discoveryAddress] = address.description
        }
        return settings
    }

    /// What a person reads at the start.
    func description(_ facts: NodeFacts) -> String {
        var text = "port \(facts.peerPort), "
        switch discoveryAddress {
        case .off: text += "discovery off"
        case _ where facts.discoveryPort == 0: text += "no discovery"
        case .everyInterface: text += "discovery on UDP port \(facts.discoveryPort)"
        case .one(let address):
            text += "discovery at \(address), UDP port \(facts.discoveryPort)"
        }
        text += key == nil ? ", OPEN NETWORK (no --cluster-key-file)" : ", with a cluster key"
        if !join.isEmpty { text += ", joining \(join.joined(separator: ", "))" }
        return text
    }
}
