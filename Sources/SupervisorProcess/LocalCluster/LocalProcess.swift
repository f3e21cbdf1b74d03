internal import Glibc
internal import Loop
internal import Posix
internal import Supervision

/// A program that this process started through `clusterf-exec`, and the lines of its standard error.
/// It has no control link: it is a node of its own, or a command.
final class LocalProcess {
    /// What to start.
    struct Command {
        var exec: String
        var program: String
        var arguments: [String]
        var environment: [String]
        /// Descriptors from number 3 on, told by `LISTEN_FDS`; they stay the caller's.
        var inherited: [Int32] = []
    }

    /// Output is read to its end after an exit, unless a grandchild keeps the pipe open.
    private static let outputGrace: Duration = .milliseconds(200)

    private let loop: EventLoop
    private var process: ChildProcess?
    private var output: StreamConnection?
    private var splitter = LineSplitter()
    private var end: ProcessEnd?
    private var timer: LoopTimer?
    private var onLine: ((String) -> Void)?
    private var onEnd: ((ProcessEnd) -> Void)?
    private(set) var pid: Int32 = 0

    /// Starts it; must be called on the main thread, whose end would end the child.
    ///
    /// - Parameter onEnd: the process is gone and all that it wrote was read: the last event.
    init(
        _ loop: EventLoop, _ command: Command, onLine: @escaping (String) -> Void,
        onEnd: @escaping (ProcessEnd) -> Void
    ) throws(PosixError) {
        self.loop = loop
        self.onLine = onLine
        self.onEnd = onEnd
        let pipe = try Pipe.make()
        guard let reader = pipe.reader.take(), let writer = pipe.writer.take() else {
            preconditionFailure("each end is taken once")
        }
        let output = try StreamConnection(loop, reader)
        self.output = output
        output.onRead = { [unowned self] bytes in wrote(bytes) }
        output.onClosed = { [self] _ in outputClosed() }
        let listens = ["--listen-fds", String(command.inherited.count)]
        do throws(PosixError) {
            let process = try ChildProcess(
                loop,
                .init(
                    file: command.exec,
                    arguments: [Programs.exec, "--parent", String(SelfProcess.pid)]
                        + (command.inherited.isEmpty ? [] : listens)
                        + ["--", command.program] + command.arguments,
                    environment: command.environment,
                    standard: (.null, .null, .descriptor(writer.rawValue)),
                    inherited: command.inherited)
            ) { [unowned self] exit in exited(exit) }
            self.process = process
            pid = process.pid
        } catch {
            self.onEnd = nil
            output.close()
            throw error
        }
        output.resumeReading()
    }

    func signal(_ number: Int32) {
        do throws(PosixError) {
            try process?.kill(number)
        } catch {
            // ESRCH: it has ended, and its exit is about to be told.
        }
    }

    private func wrote(_ bytes: RawSpan) {
        for line in unsafe bytes.withUnsafeBytes({ unsafe splitter.feed($0) }) { onLine?(line) }
    }

    private func exited(_ exit: ChildProcess.Exit) {
        switch exit {
        case .code(let code): end = .code(code)
        case .signal(let signal): end = .signal(signal)
        }
        guard output != nil else { return tellEnd() }
        do throws(PosixError) {
            timer = try loop.schedule(after: LocalProcess.outputGrace) { [unowned self] in
                tellEnd()
            }
        } catch {
            tellEnd()
        }
    }

    private func outputClosed() {
        output = nil
        if let rest = splitter.finish() { onLine?(rest) }
        if end != nil { tellEnd() }
    }

    private func tellEnd() {
        guard let end, let onEnd = onEnd.take() else { return }
        timer?.cancel()
        timer = nil
        output?.close()
        process = nil
        onEnd(end)
        onLine = nil
    }
}
