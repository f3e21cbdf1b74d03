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

    init(_ arguments: ControlArguments) throws(ControlError) {
        let words = arguments.words
        guard let name = words.first else {
            throw ControlError(.usage, "no command", hint: "see clusterfctl --help")
        }
        let operands = Array(words.dropFirst())
        if name != "logs", arguments.follow || arguments.lines != nil {
            throw ControlError(.usage, "--follow and --lines belong to logs")
        }
        switch name {
        case "status": self = .status
        case "workers": self = .workers
        case "stop": self = .stop
        case "version": self = .version
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
        case "peers", "settings", "set", "repair", "scrub", "doctor", "users", "profile",
            "drain", "join", "out", "keygen":
            throw ControlError(.usage, "\(name) is not available in this version")
        default:
            throw ControlError(
                .usage, "unknown command \"\(name)\"", hint: "see clusterfctl --help")
        }
        let operandMax = ["restart", "logs"].contains(name) ? 1 : 0
        guard operands.count <= operandMax else {
            throw ControlError(.usage, "too much: \(operands[operandMax])")
        }
    }
}
