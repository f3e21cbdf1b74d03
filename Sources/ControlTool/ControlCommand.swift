internal import ArgumentParser
internal import Model

/// The command line of clusterfctl.
struct ControlArguments: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "clusterfctl",
        abstract: "Asks and orders a running node of clusterf.",
        discussion: """
            Commands:
              status            the node, its workers and what is wrong
              workers           the workers alone
              restart WORKER    restarts a worker without a failed request; returns when it is ready
              stop              stops the node in order; returns when it has stopped
              logs [WORKER]     the last lines of the log
              peers             the nodes of the cluster, as this one knows them
              settings          what the whole cluster goes by
              set KEY VALUE     changes a setting; "" sets the default again
              repair            compares with all nodes that hold the same, and waits until nothing differs
              scrub [cluster]   reads all contents of this node, or of all nodes, and compares them with what
                                was stored; exit code 1 where something is wrong and stays so
              doctor            what may be wrong, and what to do about it; exit code 1 where something is
              leave             the node hands over what it has and leaves the cluster
              cancel-leave      the node stays after all
              out NODE --force  takes a dead node out of the layout at once
              join --merge CLUSTER  makes this cluster a part of another one
              demo COUNT NAME…  waits for COUNT living nodes, and puts a file /demo/NAME.txt for each
                                name unless it is there; what --sim-nodes does
              convert --to KIND changes how a stopped node stores contents: rawfile, extent, sqlite
                                or bolt; killed, it goes on when it is started again
              rekey             another key for the encrypted disk of a stopped node, with
                                --encryption-key-file OLD --new-encryption-key-file NEW
              keygen [FILE]     makes a cluster key (--cluster-key-file): into FILE, which is new then,
                                or on standard output
              version           the versions of this program and of the node

            Exit codes: 0 done, 1 the node could not, 3 no node runs, 64 wrong usage.
            """,
        version: "clusterfctl \(Program.version)")

    @Option(
        name: .customLong("data-dir"),
        help: "Base directory of the node. (default: CLUSTERF_DATA_DIR, else ./data)")
    var dataDirectory: String?

    @Option(
        name: .long,
        help: "Node id. (default: CLUSTERF_NODE_ID, else the one that runs in the directory)")
    var node: String?

    @Flag(name: .long, help: "Answers as JSON.")
    var json = false

    @Flag(name: .long, help: "logs: goes on with what is logged from now on.")
    var follow = false

    @Option(name: .long, help: "logs: how many lines.")
    var lines: UInt32?

    @Flag(name: .long, help: "out: gives up what the node alone has.")
    var force = false

    @Option(name: .long, help: "join: the id of the other cluster.")
    var merge: String?

    @Option(name: .customLong("to"), help: "convert: the kind of storage.")
    var kind: String?

    @Option(
        name: .customLong("encryption-key-file"),
        help: "convert, rekey: the key of an encrypted directory.")
    var encryptionKeyFile: String?

    @Option(name: .customLong("new-encryption-key-file"), help: "rekey: the key from then on.")
    var newEncryptionKeyFile: String?

    @Argument(help: ArgumentHelp("See above.", valueName: "command"))
    var words: [String] = []

    /// - Throws: the parser's own errors, among them those that ask for help.
    static func read(_ arguments: [String]) throws -> ControlArguments { try parse(arguments) }
}

/// What was asked for, checked.
enum ControlCommand: Equatable {
    case status
    case workers
    case restart(String)
    case stop
    case logs(worker: String, lineCount: UInt32, follow: Bool)
    case version
    case demo(DemoCommand)
    /// Asks nobody. Nil: standard output.
    case keygen(file: String?)
    /// Asks nobody: the node must not run.
    case convert(to: StorageKind, keyFile: String?)
    /// The same.
    case rekey(keyFile: String, newKeyFile: String)
    /// Asks the gateway, not the supervisor.
    case cluster(ClusterCommand)

    init(_ arguments: ControlArguments) throws(ControlError) {
        let words = arguments.words
        guard let name = words.first else {
            throw ControlError(.usage, "no command", hint: "see clusterfctl --help")
        }
        let operands = Array(words.dropFirst())
        try ControlCommand.checkOptions(of: name, arguments)
        if let command = try ClusterCommand(name, operands, arguments) {
            self = .cluster(command)
            return
        }
        if name == "demo" {
            self = .demo(try DemoCommand(operands))
            return
        }
        switch name {
        case "status": self = .status
        case "workers": self = .workers
        case "stop": self = .stop
        case "version": self = .version
        case "keygen": self = .keygen(file: operands.first)
        case "convert":
            guard let kind = arguments.kind.flatMap(StorageKind.init(rawValue:)) else {
                throw ControlError(.usage, "convert --to what? It is \(StorageKind.list)")
            }
            self = .convert(to: kind, keyFile: arguments.encryptionKeyFile)
        case "rekey":
            guard let old = arguments.encryptionKeyFile, let new = arguments.newEncryptionKeyFile
            else {
                throw ControlError(
                    .usage,
                    "rekey needs --encryption-key-file OLD and --new-encryption-key-file NEW",
                    hint: "the same file twice changes the data key alone")
            }
            self = .rekey(keyFile: old, newKeyFile: new)
        case "restart":
            guard let worker = operands.first else {
                throw ControlError(.usage, "restart what? Name a worker: store or gateway")
            }
            self = .restart(worker)
        case "logs":
            let count = arguments.lines ?? ControlLimits.logLinesDefault
            guard count <= ControlLimits.logLinesMax else {
                throw ControlError(.usage, "--lines: at most \(ControlLimits.logLinesMax)")
            }
            self = .logs(
                worker: operands.first ?? "", lineCount: count, follow: arguments.follow)
        case "users", "profile", "drain":
            throw ControlError(.usage, "\(name) is not available in this version")
        default:
            throw ControlError(
                .usage, "unknown command \"\(name)\"", hint: "see clusterfctl --help")
        }
        let operandMax = ["restart", "logs", "keygen"].contains(name) ? 1 : 0
        guard operands.count <= operandMax else {
            throw ControlError(.usage, "too much: \(operands[operandMax])")
        }
    }

    /// Options that belong to one command alone.
    private static func checkOptions(
        of name: String, _ arguments: ControlArguments
    ) throws(ControlError) {
        if name != "logs", arguments.follow || arguments.lines != nil {
            throw ControlError(.usage, "--follow and --lines belong to logs")
        }
        if name != "out", arguments.force {
            throw ControlError(.usage, "--force belongs to out")
        }
        if name != "join", arguments.merge != nil {
            throw ControlError(.usage, "--merge belongs to join")
        }
        if name != "convert", arguments.kind != nil {
            throw ControlError(.usage, "--to belongs to convert")
        }
        if name != "rekey", arguments.newEncryptionKeyFile != nil {
            throw ControlError(.usage, "--new-encryption-key-file belongs to rekey")
        }
        if name != "rekey", name != "convert", arguments.encryptionKeyFile != nil {
            throw ControlError(.usage, "--encryption-key-file belongs to convert and rekey")
        }
    }
}
