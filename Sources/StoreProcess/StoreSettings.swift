internal import Cluster
internal import IPC
internal import Model
internal import Posix

/// What the supervisor's settings say.
enum StoreSettings {
    static func nodeDirectory(_ settings: Settings) throws -> BytePath {
        guard let directory = settings[ConfigurationKey.nodeDirectory], directory.first == "/"
        else { throw PermanentFailure("the supervisor named no absolute node directory") }
        let major = settings[ConfigurationKey.storageMajor] ?? DataDirectory.storageMajor
        guard major == DataDirectory.storageMajor else {
            throw PermanentFailure("--storage-major \(major) is not known; rawfile is")
        }
        let minor = settings[ConfigurationKey.storageMinor] ?? ""
        guard minor.isEmpty || minor == DataDirectory.storageMinor else {
            throw PermanentFailure(
                "--storage-minor \(minor) of rawfile is not known; \(DataDirectory.storageMinor) is"
            )
        }
        return BytePath(directory)
    }

    /// What the node is in its cluster.
    static func node(_ settings: Settings) throws -> NodeConfiguration {
        guard let name = settings[ConfigurationKey.nodeID], let node = NodeID(name) else {
            throw PermanentFailure("the supervisor named no node id")
        }
        var configuration = NodeConfiguration(node: node)
        if let cluster = settings[ConfigurationKey.clusterName], !cluster.isEmpty {
            configuration.clusterName = cluster
        }
        configuration.zone = settings[ConfigurationKey.zone] ?? ""
        configuration.isStorage = !isOn(settings[ConfigurationKey.noStore])
        configuration.programVersion = Program.version
        configuration.expectsOthers = isOn(settings[ConfigurationKey.joins])
        // Nobody looks for others where discovery is off.
        configuration.foundingWait =
            isOn(settings[ConfigurationKey.discovers]) ? StoreLimits.foundingWait : .zero
        if let text = settings[ConfigurationKey.capacity], !text.isEmpty {
            guard let byteCount = UInt64(text) else {
                throw PermanentFailure("the capacity \(text) is no number of bytes")
            }
            configuration.capacityBytes = byteCount
        }
        return configuration
    }

    private static func isOn(_ value: String?) -> Bool { value == "true" || value == "1" }
}
