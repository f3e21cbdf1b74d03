internal import Glibc
internal import Posix

/// Where the nodes of `--sim-nodes` have their directories: the one that was named, or a temporary
/// one that is removed at the end.
struct LocalClusterDirectory {
    /// Absolute.
    let path: String
    let isTemporary: Bool

    private static let demoName: BytePath = "sim-nodes.demo"
    private static let demoNameNew: BytePath = "sim-nodes.demo.new"
    /// 256 short names are some 2 KiB.
    private static let demoBytesMax = 64 << 10

    /// - Parameter named: nil: a temporary one, below TMPDIR or /var/tmp, since /tmp may be memory.
    init(_ named: String?, environment: (String) -> String?) throws(StartError) {
        if let named {
            path = try NodeDirectory.makeBase(named)
            isTemporary = false
            return
        }
        let parent = environment("TMPDIR").flatMap { $0.isEmpty ? nil : $0 } ?? "/var/tmp"
        var template = Array("\(parent)/clusterf-sim-XXXXXX".utf8CString)
        guard unsafe mkdtemp(&template) != nil else {
            let error = PosixError(errno, "mkdtemp")
            throw StartError(
                .cannotCreate, "a temporary directory in \(parent) cannot be made: \(error)",
                hint: "name one with --data-dir")
        }
        let made = template.dropLast().map { UInt8(bitPattern: $0) }
        path = try NodeDirectory.makeBase(String(decoding: made, as: UTF8.self))
        isTemporary = true
    }

    /// The nodes whose demo file was put once, whatever became of it since.
    func nodesWithDemo() throws(PosixError) -> Set<String> {
        let directory = try opened()
        let name = LocalClusterDirectory.demoName
        guard try Directory.status(of: name, in: directory) != nil else { return [] }
        let file = try Directory.open(name, in: directory)
        let bytes = try FileIO.read(file, count: LocalClusterDirectory.demoBytesMax, at: 0)
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
        return Set(lines.map(String.init))
    }

    /// Replaces the list: there is a whole one at each moment.
    func rememberDemo(of names: Set<String>) throws(PosixError) {
        let directory = try opened()
        let fresh = LocalClusterDirectory.demoNameNew
        let file = try Directory.open(
            fresh, in: directory, [.writeOnly, .create, .truncate], mode: 0o644)
        let text = names.sorted().map { $0 + "\n" }.joined()
        try FileIO.append([UInt8](text.utf8), to: file)
        try FileIO.syncData(file)
        try Directory.rename(
            fresh, in: directory, to: LocalClusterDirectory.demoName, in: directory)
        try FileIO.sync(directory)
    }

    private func opened() throws(PosixError) -> Descriptor {
        try Directory.open(BytePath(path), in: .workingDirectory, [.readOnly, .directory])
    }
}
