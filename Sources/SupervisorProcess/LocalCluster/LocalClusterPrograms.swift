internal import Glibc
internal import Posix

/// The programs that `--sim-nodes` starts.
struct LocalClusterPrograms {
    let exec: String
    /// This very program.
    let supervisor: String
    /// `clusterfctl`, which lies beside it.
    let control: String

    init(_ programs: Programs) throws(StartError) {
        exec = programs.path(Programs.exec)
        do throws(PosixError) {
            supervisor = try SelfProcess.executablePath().description
        } catch {
            throw StartError(.unavailable, "where this program lies is not known: \(error)")
        }
        let directory = supervisor.split(separator: "/").dropLast().map { "/" + $0 }.joined()
        control = "\(directory)/clusterfctl"
        guard unsafe access(control, X_OK) == 0 else {
            throw StartError(
                .unavailable, "\(control) is not there",
                hint: "build or install all programs together (make run, make install)")
        }
    }
}
