internal import Glibc
internal import Posix

/// Where the other programs of clusterf lie: the directory that the environment names, this
/// program's own, or `../libexec/clusterf` beside it.
struct Programs {
    static let exec = "clusterf-exec"
    let directory: String

    /// - Parameter names: the programs that must be there.
    init(names: [String], environment: (String) -> String?) throws(StartError) {
        var candidates: [String] = []
        if let override = environment("CLUSTERF_LIBEXEC") {
            candidates = [override]
        } else {
            do throws(PosixError) {
                let own = try SelfProcess.executablePath().description
                let bin = own.split(separator: "/").dropLast().map { "/" + $0 }.joined()
                candidates = [bin, bin + "/../libexec/clusterf"]
            } catch {
                throw StartError(.unavailable, "where this program lies is not known: \(error)")
            }
        }
        let found = candidates.first { directory in
            names.allSatisfy { Programs.isExecutable("\(directory)/\($0)") }
        }
        guard let found else {
            throw StartError(
                .unavailable,
                "\(names.joined(separator: ", ")) not found in \(candidates.joined(separator: ", "))",
                hint: "build or install all programs together (make run, make install)")
        }
        directory = found
    }

    func path(_ name: String) -> String { "\(directory)/\(name)" }

    private static func isExecutable(_ path: String) -> Bool { unsafe access(path, X_OK) == 0 }
}
