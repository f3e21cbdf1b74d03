internal import Loop
internal import Model
internal import Posix

/// Starts what `--sim-nodes` asks for.
enum LocalClusterStart {
    /// Runs the nodes until they are stopped.
    ///
    /// - Returns: the exit code.
    static func run(
        _ options: LocalClusterOptions, _ nodePrograms: Programs
    ) throws(StartError) -> Int32 {
        let programs = try LocalClusterPrograms(nodePrograms)
        // Before the directory: who cannot listen leaves nothing behind.
        let listeners = try LocalClusterListeners.open(options)
        let directory = try LocalClusterDirectory(
            options.dataDirectory, environment: Environment.value(of:))
        let log = LogStream(
            lowest: options.debug ? .debug : .info, pid: SelfProcess.pid, output: StandardError())
        do throws(PosixError) {
            let loop = try EventLoop()
            let cluster = LocalCluster(
                loop,
                .init(
                    options: options, directory: directory, programs: programs,
                    listeners: listeners, log: log))
            if options.opensDesktop, let first = options.nodes.first {
                cluster.onReady = {
                    Desktop.open(
                        options.url(of: first), loop, nodePrograms,
                        environment: Environment.value(of:))
                }
            }
            introduce(options, directory)
            try cluster.start()
            loop.run()
            return cluster.exitCode
        } catch {
            throw StartError(.unavailable, "the nodes cannot be started: \(error)")
        }
    }

    /// One line per fact that a person needs; the nodes follow when they are ready.
    private static func introduce(
        _ options: LocalClusterOptions, _ directory: LocalClusterDirectory
    ) {
        let facts = [
            ("clusterf", "\(Program.version), \(options.nodes.count) nodes on this machine"),
            ("data", directory.path + (directory.isTemporary ? " (removed at the end)" : "")),
            (
                "log",
                "standard error: what matters; all of a node: clusterfctl --data-dir"
                    + " \(directory.path) --node \(options.nodes[0].name) logs"
            ),
        ]
        for (name, text) in facts { StandardOutput.write(LocalCluster.fact(name, text)) }
    }
}
