/// The numbers of the supervisor's shell, each with its reason.
enum SupervisorLimits {
    /// A configuration file is a page; more is another file by mistake.
    static let configurationBytesMax: Int64 = 1 << 20
    /// A key file is one line; more is another file by mistake.
    static let keyFileBytesMax = 4 << 10
    /// Addresses that one node binds: descriptors, and lines at the start, stay few.
    static let bindMax = 32
    /// Nodes that --join may name: enough to find any cluster, few enough for one line of settings.
    static let joinsMax = 64
    /// A host name has no more bytes (RFC 1035, 2.3.4).
    static let hostNameBytesMax = 253
    /// Where nodes of a network find each other, unless they are told otherwise.
    static let discoveryPort: UInt16 = 9999
    /// The base directory is searched for node directories up to this many entries.
    static let nodeDirectoriesMax = 1024

    /// Automatic ports: below the ephemeral range, so that no client of this machine takes one.
    static let automaticPorts: ClosedRange<UInt16> = 30_000...32_767
    /// With half of the range taken, 64 trials fail once in 10^19.
    static let portTrialsMax = 64
    /// Connections that wait while a gateway restarts: the kernel's somaxconn is 4096 too.
    static let listenBacklog: Int32 = 4096

    /// Nodes of --sim-nodes: with a socket, a pipe and a process each they stay below the 1024
    /// descriptors that a process commonly has; a machine runs out of memory before.
    static let simNodesMax = 256
    /// HTTP of the first of them.
    static let basePortDefault: UInt16 = 30_000

    /// What one of them said is not shown again from another so soon: a cluster's news reach all
    /// nodes within seconds.
    static let repetitionTime: Duration = .seconds(10)
    /// Texts that are remembered for that.
    static let repetitionsKept = 256

    /// Random characters of a node id: 36^5 are 60 million for one host name.
    static let nodeIDRandomCount = 5
    /// Bytes of the host name in it; the whole stays below `NodeID.byteCountMax`.
    static let nodeIDHostBytesMax = 40

    /// A longer line of a worker is cut: a log is for people, and a line with its prefix must fit
    /// into what a pipe takes without waiting (PIPE_BUF, 4096 bytes).
    static let logLineBytesMax = 3 << 10
    /// Lines kept in memory for `clusterfctl logs`: a screen or twenty, at most 4 MiB.
    static let logLinesKept = 1000
    /// Bytes of lines in one answer: a frame stays far below its limit.
    static let logAnswerBytesMax = 512 << 10

    /// A requested restart answers at the latest then: drain, start, and some.
    static let restartAnswerMax: Duration = .seconds(90)
    /// How soon a worker is restarted again on a worker's order: clients and other nodes can bring it
    /// about, and a node that only restarts serves nobody.
    static let orderedRestartInterval: Duration = .seconds(10)

    /// How much longer than the watchdog the control link waits for an answer: the core judges
    /// silence, the link only forgets.
    static let answerPatience: Duration = .seconds(10)

    /// Descriptors of a worker: the gateway's connections, each of which may hold a file too.
    static let workerDescriptors = 65_536
}
