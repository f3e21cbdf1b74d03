internal import ArgumentParser
internal import Glibc
internal import IPC
internal import Model
internal import Posix

/// The program `clusterfctl`: one call of the supervisor's control socket.
package enum ControlTool {
    /// Does one command as the command line says, and exits.
    package static func main() -> Never {
        exit(run(Array(CommandLine.arguments.dropFirst())))
    }

    /// Does one command.
    ///
    /// - Parameter arguments: the command line without the program's name.
    /// - Returns: the exit code.
    package static func run(_ arguments: [String]) -> Int32 {
        SelfProcess.ignoreBrokenPipes()
        do throws(ControlError) {
            guard let parsed = try parse(arguments) else { return 0 }
            return try run(parsed) ? 0 : ControlError.Code.failed.rawValue
        } catch {
            write("clusterfctl: \(error.description)\n", to: STDERR_FILENO)
            return error.code.rawValue
        }
    }

    /// The command line; nil where it asked for help, which was written.
    private static func parse(
        _ arguments: [String]
    ) throws(ControlError) -> ControlArguments? {
        do {
            return try ControlArguments.read(arguments)
        } catch {
            if ControlArguments.exitCode(for: error) == .success {
                write(ControlArguments.fullMessage(for: error) + "\n")
                return nil
            }
            throw ControlError(
                .usage, ControlArguments.message(for: error), hint: "see clusterfctl --help")
        }
    }

    /// - Returns: whether all is well, where that was asked.
    private static func run(_ arguments: ControlArguments) throws(ControlError) -> Bool {
        let command = try ControlCommand(arguments)
        let base =
            arguments.dataDirectory ?? Environment.value(of: "CLUSTERF_DATA_DIR") ?? "./data"
        let node = arguments.node ?? Environment.value(of: "CLUSTERF_NODE_ID")
        if command == .version {
            version(base: base, node: node, json: arguments.json)
            return true
        }
        if case .keygen(let file) = command {
            try keygen(file, json: arguments.json)
            return true
        }
        let directory = try NodeSearch.directory(base: base, node: node)
        if case .convert(let kind, let file) = command {
            let phrase = try file.map { path throws(ControlError) in try PhraseFile.read(path) }
            throw StoreCommand.become(
                ["--convert", kind.rawValue], of: directory, [phrase].compactMap { $0 })
        }
        if case .rekey(let old, let new) = command {
            throw StoreCommand.become(
                ["--rekey"], of: directory, [try PhraseFile.read(old), try PhraseFile.read(new)])
        }
        var client = try ControlClient.connect(to: directory)
        try client.start()
        let json = arguments.json
        switch command {
        case .status:
            let status = try client.request(Empty(), .nodeStatus, answer: NodeStatus.self)
            write(
                json
                    ? Report.json(status: status, now: wallTime) + "\n"
                    : Report.text(status: status, now: wallTime))
        case .workers:
            let workers = try client.request(Empty(), .nodeStatus, answer: NodeStatus.self)
                .workers
            write(
                json
                    ? Report.json(workers: workers) + "\n"
                    : Report.text(workers: workers, now: wallTime))
        case .restart(let worker):
            _ = try client.request(
                RestartRequest(worker: worker), .restartWorker, answer: Empty.self,
                within: ControlLimits.restartMax)
            write(json ? "{\"restarted\":true}\n" : "\(worker) restarted\n")
        case .stop:
            _ = try client.request(Empty(), .stopNode, answer: Empty.self)
            try waitForStop(of: directory)
            write(json ? "{\"stopped\":true}\n" : "stopped\n")
        case .logs(let worker, let count, let follow):
            let request = LogsRequest(worker: worker, lineCount: count, follow: follow)
            let lines = try client.request(request, .logs, answer: LogLines.self).lines
            write(lines: lines, json: json, isWhole: !follow)
            while follow, let more = try client.nextLogLines() {
                write(lines: more, json: json, isWhole: false)
            }
        case .demo(let command):
            write(try command.run(try gateway(of: &client)))
        case .cluster(let command):
            let gateway = try gateway(of: &client)
            let result = try ask(command, gateway, &client, json: json)
            write(result.text)
            return result.isGood
        case .version, .keygen, .convert, .rekey: break
        }
        return true
    }

    private static func ask(
        _ command: ClusterCommand, _ gateway: GatewayClient, _ client: inout ControlClient,
        json: Bool
    ) throws(ControlError) -> ClusterCommand.Result {
        do throws(ControlError) {
            return try command.run(gateway, json: json)
        } catch {
            guard command == .doctor else { throw error }
            let status = try client.request(Empty(), .nodeStatus, answer: NodeStatus.self)
            let answer = DoctorReport.withoutGateway(status, error)
            return .init(
                text: json ? answer.json + "\n" : DoctorReport.text(answer), isGood: false)
        }
    }

    private static func gateway(
        of client: inout ControlClient
    ) throws(ControlError) -> GatewayClient {
        let status = try client.request(Empty(), .nodeStatus, answer: NodeStatus.self)
        guard let port = status.facts["http_port"].flatMap(UInt16.init), port > 0 else {
            throw ControlError(.failed, "the node does not say its HTTP port")
        }
        return GatewayClient(port: port)
    }

    private static func keygen(_ file: String?, json: Bool) throws(ControlError) {
        var generator = SystemRandomNumberGenerator()
        let key = KeyFile.makeKey(using: &generator)
        guard let file else {
            return write(json ? "{\"key\":\"\(key.text)\"}\n" : key.text + "\n")
        }
        try KeyFile.write(key, to: file)
        guard json else {
            return write(
                "\(file) has a new cluster key: copy it to every node, and start each with"
                    + " --cluster-key-file\n")
        }
        var writer = JSONWriter()
        writer.object { $0.member("file", file) }
        write(writer.text + "\n")
    }

    /// The node has stopped when its lock is free.
    private static func waitForStop(of directory: String) throws(ControlError) {
        let deadline = Monotonic.now + ControlLimits.stopMax
        while Monotonic.now < deadline {
            do throws(PosixError) {
                let lock = try Directory.open(
                    BytePath(directory + "/lock"), in: .workingDirectory)
                if try FileIO.lock(lock, exclusive: false) { return }
            } catch {
                throw ControlError(.failed, "cannot see whether the node stopped: \(error)")
            }
            Monotonic.sleep(milliseconds: ControlLimits.stopPollMilliseconds)
        }
        throw ControlError(.failed, "the node has not stopped yet", hint: "see its log")
    }

    /// This program's version, and the node's where one runs.
    private static func version(base: String, node: String?, json: Bool) {
        var running: String?
        do throws(ControlError) {
            var client = try ControlClient.connect(
                to: try NodeSearch.directory(base: base, node: node))
            try client.start()
            running = try client.request(Empty(), .nodeStatus, answer: NodeStatus.self)
                .facts["version"]
        } catch {
            // No node is no error here: the program itself was asked for too.
        }
        guard json else {
            write("clusterfctl \(Program.version)\n")
            return write("node        \(running ?? "not running")\n")
        }
        var writer = JSONWriter()
        writer.object { writer in
            writer.member("version", Program.version)
            writer.member("node_version") { json in
                running.map { json.value($0) } ?? json.null()
            }
        }
        write(writer.text + "\n")
    }

    private static func write(lines: [String], json: Bool, isWhole: Bool) {
        guard json else { return write(lines.map { $0 + "\n" }.joined()) }
        if isWhole { return write(Report.json(lines: lines) + "\n") }
        // One JSON string a line: a stream has no end to close an array at.
        for line in lines {
            var writer = JSONWriter()
            writer.value(line)
            write(writer.text + "\n")
        }
    }

    private static var wallTime: Timestamp {
        var time = timespec()
        // Fails only for a clock that does not exist.
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }

    /// Writes all of it. A reader that is gone (`| head`) ends the program, as it would any other.
    private static func write(_ text: String, to descriptor: Int32 = STDOUT_FILENO) {
        var rest = [UInt8](text.utf8)[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes {
                unsafe Glibc.write(descriptor, $0.baseAddress, $0.count)
            }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if errno != EINTR {
                exit(1)
            }
        }
    }
}
