internal import Cluster
internal import IPC
internal import Model
internal import Posix

/// What the supervisor's settings say.
enum StoreSettings {
    static func nodeDirectory(_ settings: Settings) throws -> BytePath {
        guard let directory = settings[ConfigurationKey.nodeDirectory], directory.first == "/"
        else { throw PermanentFailure("the supervisor named no absolute node directory") }
        return BytePath(directory)
    }

    /// How contents are to lie on the disk, as far as somebody said so.
    static func storage(_ settings: Settings) throws -> WantedStorage {
        var wanted = WantedStorage()
        if let major = settings[ConfigurationKey.storageMajor], !major.isEmpty {
            guard let kind = StorageKind(rawValue: major) else {
                throw PermanentFailure(
                    "--storage-major \(major) is not known; \(StorageKind.list) are")
            }
            wanted.kind = kind
        }
        if let minor = settings[ConfigurationKey.storageMinor], !minor.isEmpty {
            guard let number = UInt64(minor) else {
                throw PermanentFailure("--storage-minor \(minor) is no number")
            }
            wanted.minor = number
        }
        if let hex = settings[ConfigurationKey.encryptionKey], !hex.isEmpty {
            // The text itself is in no message: it is the key.
            guard let bytes = Hex.decode(hex.utf8), let phrase = try? EncryptionPhrase(bytes) else {
                throw PermanentFailure("the supervisor sent an encryption key that is none")
            }
            wanted.phrase = phrase
        }
        return wanted
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
