internal import Glibc
internal import Model
internal import Posix

/// `convert` and `rekey`: the work is the store's, which alone touches the data directory. This program sees
/// that the node does not run, and becomes a store that does it.
enum StoreCommand {
    private static let program = "clusterf-store"

    /// Returns only where it did not work.
    ///
    /// - Parameters:
    ///   - words: what is to be done.
    ///   - phrases: go to the store's standard input, since everybody sees a command line.
    static func become(
        _ words: [String], of directory: String, _ phrases: [EncryptionPhrase]
    ) -> ControlError {
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
            try handOver(phrases)
            let marks = words.first == "--convert" && !phrases.isEmpty ? ["key"] : []
            let error = execute([try path()] + words + [whole] + marks)
            withExtendedLifetime(lock) {}
            return ControlError(
                .failed, "\(program) cannot be started: \(error)",
                hint: "build or install all programs together (make run, make install)")
        } catch {
            return ControlError(.failed, "nothing was done to the node in \(directory): \(error)")
        }
    }

    /// Makes a line of each the standard input, as a file in memory.
    private static func handOver(_ phrases: [EncryptionPhrase]) throws(PosixError) {
        guard !phrases.isEmpty else { return }
        let text = phrases.map { Hex.encode($0.bytes) + "\n" }.joined()
        let memory = try SealedMemory.make([UInt8](text.utf8))
        guard dup2(memory.rawValue, STDIN_FILENO) >= 0 else { throw PosixError(errno, "dup2") }
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
