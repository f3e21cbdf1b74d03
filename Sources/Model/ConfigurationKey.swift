/// The names in the settings that the supervisor sends with `configure`. A worker ignores names
/// that it does not know and gives a missing one its default.
package enum ConfigurationKey {
    // Both workers.
    package static let nodeID = "node_id"
    /// `true` or `false`: debug lines are logged.
    package static let debug = "debug"

    /// The name of the cluster.
    package static let clusterName = "cluster_name"

    // The store.
    /// Where the node stands, for spreading copies; missing: nowhere in particular.
    package static let zone = "zone"
    /// Bytes that the node offers, decimal; missing: what is free at the first start.
    package static let capacity = "capacity"
    /// `true`: the node keeps nothing.
    package static let noStore = "no_store"
    /// `true`: the gateway looks for other nodes, so they may be heard of soon after the start.
    package static let discovers = "discovers"
    /// `true`: a person named other nodes, which are waited for.
    package static let joins = "joins"
    /// The node's own directory, absolute.
    package static let nodeDirectory = "node_dir"
    /// A `StorageKind`; empty or missing: as the directory has it.
    package static let storageMajor = "storage_major"
    /// The on-disk version in decimal; empty or missing: as the directory has it.
    package static let storageMinor = "storage_minor"
    /// What the data directory is encrypted with, in hexadecimal; missing: it is not. Secret: never logged
    /// or shown, and sent to the store alone.
    package static let encryptionKey = "encryption_key"

    // The gateway.
    /// The base directory, absolute; only to be shown.
    package static let dataDirectory = "data_dir"
    /// Decimal; the first address' where they differ.
    package static let httpPort = "http_port"
    /// Where other nodes reach this one, TCP and UDP; decimal.
    package static let peerPort = "peer_port"
    /// UDP; decimal, 0: no discovery.
    package static let discoveryPort = "discovery_port"
    /// An IPv4 address to which this node announces itself; missing: every interface's broadcast.
    package static let discoveryAddress = "discovery_address"
    /// `HOST:PORT` of other nodes, separated by commas.
    package static let join = "join"
    /// The cluster's key in hexadecimal; missing: an open network. Secret: never logged or shown.
    package static let clusterKey = "cluster_key"
    /// The stream socket of the store, absolute.
    package static let storeSocket = "store_socket"
    /// The descriptor socket of the store, absolute.
    package static let storeDescriptorSocket = "store_fds_socket"
    /// The cluster path that is served over WebDAV.
    package static let webdav = "webdav"
    /// Nanoseconds since 1970: when the supervisor started.
    package static let started = "started"

    // Limits of the gateway, decimal; missing: the gateway's own.
    package static let maxBodyBytes = "max_body_bytes"
    package static let maxConnections = "max_connections"
    package static let maxConnectionsPerAddress = "max_connections_per_address"
    package static let idleTimeoutMilliseconds = "idle_timeout_ms"
    package static let headerTimeoutMilliseconds = "header_timeout_ms"
}

/// What the programs call themselves.
package enum Program {
    /// Of the whole; all programs of a node are of one version.
    package static let version = "0.1.0"
}
