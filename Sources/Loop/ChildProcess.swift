internal import CLibUV
internal import Glibc
package import Posix

/// A program that this process started, until it exited.
package final class ChildProcess: HandleOwner {
    /// What to start.
    package struct Command {
        /// A descriptor of the child from 0 to 2.
        package enum Standard {
            /// `/dev/null`.
            case null
            /// This process's own of the same number.
            case inherit
            /// A descriptor that stays this process's.
            case descriptor(Int32)
        }

        package var file: String
        /// With the name of the program, which is first by convention.
        package var arguments: [String]
        /// As `NAME=value`; nothing else is inherited.
        package var environment: [String]
        package var standard: (input: Standard, output: Standard, error: Standard)
        /// Descriptors that the child has from number 3 on, in this order; they stay this process's.
        package var inherited: [Int32]
        package var workingDirectory: String?

        package init(
            file: String, arguments: [String], environment: [String],
            standard: (input: Standard, output: Standard, error: Standard) = (
                .null, .inherit, .inherit
            ),
            inherited: [Int32] = [], workingDirectory: String? = nil
        ) {
            self.file = file
            self.arguments = arguments
            self.environment = environment
            self.standard = standard
            self.inherited = inherited
            self.workingDirectory = workingDirectory
        }
    }

    /// How a program ended.
    package enum Exit: Hashable, Sendable {
        case code(Int32)
        case signal(Int32)
    }

    /// The process, also after its exit; the kernel may give the number to another then.
    package private(set) var pid: Int32 = 0
    private var handle: Handle?
    private var onExit: ((Exit) -> Void)?

    /// Starts a program; `onExit` is called once, when it ended. Its signals are as by default.
    /// - Throws: `ENOENT` where the file is missing, `EAGAIN` where there are too many processes.
    package init(
        _ loop: EventLoop, _ command: Command, onExit: @escaping (Exit) -> Void
    ) throws(PosixError) {
        self.onExit = onExit
        super.init()
        let handle = try Handle(UV_PROCESS, owner: self) { handle in
            // uv_spawn is what makes the handle, also where it fails.
            unsafe handle.pointer(to: uv_process_t.self).initialize(to: uv_process_t())
            return 0
        }
        self.handle = handle
        let result = unsafe Self.spawn(loop, command, handle.pointer(to: uv_process_t.self))
        if result < 0 {
            self.onExit = nil
            closeHandle()
            throw PosixError(-result, "uv_spawn")
        }
        pid = unsafe handle.pointer(to: uv_process_t.self).pointee.pid
    }

    /// True until `onExit`.
    package var isRunning: Bool { handle != nil }

    /// Sends a signal.
    /// - Throws: `ESRCH` where the program has ended.
    package func kill(_ signal: Int32) throws(PosixError) {
        guard let handle else { throw PosixError(ESRCH, "kill") }
        let result = unsafe uv_process_kill(handle.pointer(to: uv_process_t.self), signal)
        if result < 0 { throw PosixError(-result, "kill") }
    }

    private func exited(_ status: Int64, _ signal: Int32) {
        let onExit = self.onExit.take()
        closeHandle()
        onExit?(signal == 0 ? .code(Int32(truncatingIfNeeded: status)) : .signal(signal))
    }

    /// Forgets the program, which goes on.
    override func closeHandle() {
        handle?.close()
        handle = nil
    }

    private static func spawn(
        _ loop: EventLoop, _ command: Command, _ process: UnsafeMutablePointer<uv_process_t>
    ) -> Int32 {
        let standard = [command.standard.input, command.standard.output, command.standard.error]
        var containers = unsafe standard.enumerated().map { index, standard in
            switch standard {
            case .null: unsafe container(nil)
            case .inherit: unsafe container(Int32(index))
            case .descriptor(let raw): unsafe container(raw)
            }
        }
        for raw in command.inherited { unsafe containers.append(container(raw)) }
        let arguments = CStrings(command.arguments)
        let environment = CStrings(command.environment)
        return unsafe containers.withUnsafeMutableBufferPointer { containers in
            unsafe command.file.withCString { file in
                var options = unsafe uv_process_options_t()
                unsafe options.exit_cb = { process, status, signal in
                    unsafe Handle.owner(of: process, as: ChildProcess.self).exited(status, signal)
                }
                unsafe options.file = file
                unsafe options.args = arguments.pointer
                unsafe options.env = environment.pointer
                unsafe options.stdio = containers.baseAddress
                unsafe options.stdio_count = Int32(containers.count)
                guard let directory = command.workingDirectory else {
                    return unsafe uv_spawn(loop.uv, process, &options)
                }
                return unsafe directory.withCString { directory in
                    unsafe options.cwd = directory
                    return unsafe uv_spawn(loop.uv, process, &options)
                }
            }
        }
    }

    private static func container(_ descriptor: Int32?) -> uv_stdio_container_t {
        var container = unsafe uv_stdio_container_t()
        if let descriptor {
            unsafe container.flags = UV_INHERIT_FD
            unsafe container.data.fd = descriptor
        } else {
            unsafe container.flags = UV_IGNORE
        }
        return unsafe container
    }
}

/// Strings as C has the arguments of a program: a list that ends with NULL.
@safe
private final class CStrings {
    let pointer: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
    private let count: Int

    init(_ strings: [String]) {
        count = strings.count
        unsafe pointer = .allocate(capacity: count + 1)
        for (index, string) in strings.enumerated() {
            unsafe (pointer + index).initialize(to: strdup(string))
        }
        unsafe (pointer + count).initialize(to: nil)
    }

    deinit {
        for index in 0..<count { unsafe free(pointer[index]) }
        unsafe pointer.deallocate()
    }
}
