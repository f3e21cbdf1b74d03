internal import Glibc
internal import Model
internal import Posix

/// `convert`: the work is the store's, which alone touches the data directory. This program sees that the
/// node does not run, and becomes a store that converts.
enum ConvertCommand {
    private static let program = "clusterf-store"

    /// Returns only where it did not work.
    static func become(_ kind: StorageKind, of directory: String) -> ControlError {
        do throws(PosixError) {
            let whole = try absolute(directory)
            let lock = try Directory.open(BytePath(whole + "/lock"), in: .workingDirectory)
            guard try FileIO.lock(lock) else {
                return ControlError(
                    .failed, "the node in \(directory) runs",
                    hint: "stop it first, with clusterfctl stop or by its service")
            }
            // Held by what this program becomes, so that no node starts meanwhile.
            try lock.setCloseOnExec(false)
            let error = execute([try path(), "--convert", kind.rawValue, whole])
            withExtendedLifetime(lock) {}
            return ControlError(
                .failed, "\(program) cannot be started: \(error)",
                hint: "build or install all programs together (make run, make install)")
        } catch {
            return ControlError(.failed, "the node in \(directory) cannot be converted: \(error)")
        }
    }

    private static func absolute(_ path: String) throws(PosixError) -> String {
        guard let real = unsafe realpath(path, nil) else { throw PosixError(errno, "realpath") }
        defer { unsafe free(real) }
        return unsafe String(cString: real)
    }

    /// Where the supervisor looks for it, too.
    private static func path() throws(PosixError) -> String {
        if let override = Environment.value(of: "CLUSTERF_LIBEXEC") {
            return "\(override)/\(program)"
        }
        let own = try SelfProcess.executablePath().description
        let bin = own.split(separator: "/").dropLast().map { "/" + $0 }.joined()
        let beside = "\(bin)/\(program)"
        return unsafe access(beside, X_OK) == 0
            ? beside : "\(bin)/../libexec/clusterf/\(program)"
    }

    private static func execute(_ words: [String]) -> PosixError {
        var arguments: [UnsafeMutablePointer<CChar>?] = unsafe words.map { unsafe strdup($0) }
        unsafe arguments.append(nil)
        // Freed by the program that takes this one's place, or by its end.
        if let program = words.first { unsafe _ = execv(program, &arguments) }
        return PosixError(errno, "execv")
    }
}
