internal import Model

/// The numbers of clusterfctl, each with its reason.
enum ControlLimits {
    /// A supervisor answers within a turn of its loop; a stuck one must not hang a script.
    static let answerMax: Duration = .seconds(10)
    /// A restart drains, starts and waits for ready: the supervisor itself gives up after 90 s.
    static let restartMax: Duration = .seconds(120)
    /// A stop takes at most 10 s; then the lock is free.
    static let stopMax: Duration = .seconds(20)
    /// How often it is looked whether the node has stopped.
    static let stopPollMilliseconds: Int32 = 50
    /// Lines of `logs` without `--lines`: a screen.
    static let logLinesDefault: UInt32 = 100
    /// Lines that can be asked for: what one answer may list.
    static let logLinesMax: UInt32 = 4096
    /// Bytes of one read.
    static let readBytes = 64 << 10
    /// Directories that are looked at for nodes.
    static let nodesMax = 1024
    /// The gateway waits for its store for 20 s, through a restart; then it says so.
    static let gatewayMax: Duration = .seconds(30)
    /// How long `repair` waits: a pass brings over what nodes miss, which may be much.
    static let repairMax: Duration = .seconds(3600)
    /// How long `scrub` waits: some terabytes of a disk. And how often it asks.
    static let scrubMax: Duration = .seconds(86_400)
    static let scrubPollMilliseconds: Int32 = 200
    /// How long new nodes may take to be one cluster that takes files: some seconds, on a machine that
    /// does ten other things.
    static let demoMax: Duration = .seconds(60)
    /// So much more for each of many nodes that share a machine.
    static let demoShare: Duration = .seconds(1)
    /// How often it is looked whether they are.
    static let demoPollMilliseconds: Int32 = 100
    /// An answer of the gateway: 2000 nodes with all that is said of them are some 2 MiB.
    static let answerBytesMax = 8 << 20
    /// The same as JSON: 2000 nodes have some 30 values each.
    static let answerLimits = JSONLimits(
        byteCountMax: answerBytesMax, depthMax: 16, valueCountMax: 200_000)
}
