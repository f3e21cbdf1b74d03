internal import Posix

/// The ports that were chosen once and are kept: `<node dir>/ports`, lines `key=value`.
struct PortsFile: Equatable {
    private static let name: BytePath = "ports"
    private static let freshName: BytePath = "ports.new"
    private static let bytesMax = 4096

    var httpPort: UInt16?
    var peerPort: UInt16?
    /// Lines of other versions are kept as they are.
    private var others: [String] = []

    init(httpPort: UInt16? = nil, peerPort: UInt16? = nil) {
        self.httpPort = httpPort
        self.peerPort = peerPort
    }

    /// - Parameter text: the file's content; lines that make no sense are ignored.
    init(parsing text: String) {
        for line in text.split(whereSeparator: \.isNewline) {
            let parts = line.split(separator: "=", maxSplits: 1)
            let port = parts.count == 2 ? UInt16(parts[1]).flatMap { $0 == 0 ? nil : $0 } : nil
            switch parts.first {
            case "http_port" where parts.count == 2: httpPort = port
            case "peer_port" where parts.count == 2: peerPort = port
            default: others.append(String(line))
            }
        }
    }

    var text: String {
        let ports = [("http_port", httpPort), ("peer_port", peerPort)]
        let lines = ports.compactMap { name, port in port.map { "\(name)=\($0)" } } + others
        return lines.map { $0 + "\n" }.joined()
    }

    /// - Parameter directory: the node's own.
    static func read(in directory: borrowing Descriptor) throws(PosixError) -> PortsFile {
        guard try Directory.status(of: name, in: directory) != nil else { return PortsFile() }
        let file = try Directory.open(name, in: directory)
        let bytes = try FileIO.read(file, count: bytesMax, at: 0)
        return PortsFile(parsing: String(decoding: bytes, as: UTF8.self))
    }

    /// Replaces the file: there is a whole one at each moment.
    func write(in directory: borrowing Descriptor) throws(PosixError) {
        let file = try Directory.open(
            PortsFile.freshName, in: directory, [.writeOnly, .create, .truncate], mode: 0o644)
        try FileIO.append([UInt8](text.utf8), to: file)
        try FileIO.syncData(file)
        try Directory.rename(PortsFile.freshName, in: directory, to: PortsFile.name, in: directory)
        try FileIO.sync(directory)
    }
}
