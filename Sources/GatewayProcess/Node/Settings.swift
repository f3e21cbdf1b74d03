internal import IPC
internal import Model

/// What the supervisor configures (the control link's `configure`).
struct GatewaySettings: Equatable, Sendable {
    var nodeID: String
    var storeSocket: String
    var storeDescriptorSocket: String
    var isDebugging: Bool
    /// A larger body answers 413.
    var bodyByteCountMax: UInt64
    /// From a head's first byte to its last: what keeps a slow client from holding a connection
    /// open without a request.
    var headerMilliseconds: Int64
    /// Between requests.
    var idleMilliseconds: Int64
    var connectionsMax: Int
    var connectionsPerAddressMax: Int
    var eventLoopCount: Int
    /// The directory that is served over WebDAV.
    var webdav: StorePath
    /// Nil where this node has no peers.
    var peers: PeerSettings?
    /// Everything that was said and is no secret, for `/status`.
    var facts: [String: String]

    /// - Throws: a sentence that names the setting.
    init(_ settings: Settings, coreCount: Int) throws(SettingsFault) {
        func text(_ name: String) throws(SettingsFault) -> String {
            guard let value = settings[name], !value.isEmpty else {
                throw SettingsFault(message: "the setting \(name) is missing")
            }
            return value
        }
        func number(
            _ name: String, _ standard: Int64, in range: ClosedRange<Int64>
        ) throws(SettingsFault) -> Int64 {
            guard let value = settings[name], !value.isEmpty else { return standard }
            guard let number = Int64(value), range.contains(number) else {
                throw SettingsFault(
                    message: "\(name) is \(value), not a number from \(range.lowerBound) to "
                        + "\(range.upperBound)")
            }
            return number
        }
        nodeID = try text(ConfigurationKey.nodeID)
        storeSocket = try text(ConfigurationKey.storeSocket)
        storeDescriptorSocket = try text(ConfigurationKey.storeDescriptorSocket)
        isDebugging = settings[ConfigurationKey.debug] == "true"
        bodyByteCountMax = UInt64(
            try number(
                ConfigurationKey.maxBodyBytes, Defaults.bodyByteCountMax, in: 0...Int64.max))
        headerMilliseconds = try number(
            ConfigurationKey.headerTimeoutMilliseconds, 10_000, in: 100...3_600_000)
        idleMilliseconds = try number(
            ConfigurationKey.idleTimeoutMilliseconds, 60_000, in: 100...86_400_000)
        connectionsMax = Int(
            try number(
                ConfigurationKey.maxConnections, Defaults.connectionsMax, in: 1...1_000_000))
        connectionsPerAddressMax = Int(
            try number(
                ConfigurationKey.maxConnectionsPerAddress, Defaults.connectionsPerAddressMax,
                in: 1...1_000_000))
        // More loops than cores only cost memory, and four serve what one store answers.
        eventLoopCount = Int(
            try number("event_loops", Int64(max(1, min(coreCount, 4))), in: 1...64))
        webdav = try GatewaySettings.path(ConfigurationKey.webdav, settings)
        peers = try PeerSettings(settings)
        facts = settings.values.filter { $0.key != ConfigurationKey.clusterKey }
    }

    private static func path(
        _ name: String, _ settings: Settings
    ) throws(SettingsFault) -> StorePath {
        guard let value = settings[name], !value.isEmpty else { return .root }
        guard let bytes = StorePath.normalized([UInt8](value.utf8)),
            let path = try? StorePath(validating: bytes)
        else { throw SettingsFault(message: "\(name) is \(value), not a path like /photos") }
        return path
    }

    private enum Defaults {
        /// 1 TiB: no accident is this large, and a file this large still works.
        static let bodyByteCountMax: Int64 = 1 << 40
        /// Each takes about 10 KiB and a descriptor, of which a process commonly has 1024 to
        /// 65,536; the supervisor may say more.
        static let connectionsMax: Int64 = 4096
        /// One address can take half of them: a reverse proxy or a benchmark is one address.
        static let connectionsPerAddressMax: Int64 = 2048
    }
}

/// A configuration that cannot be used.
struct SettingsFault: Error, Equatable {
    var message: String
}
