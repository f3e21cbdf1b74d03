internal import Glibc
internal import Model
internal import Posix

/// The node's own directory, locked for the life of this value.
struct NodeDirectory: ~Copyable {
    let id: NodeID
    /// Absolute.
    let path: String
    let basePath: String
    let directory: Descriptor
    private let lock: Descriptor

    /// Finds or makes the node's directory below `base` and takes its lock.
    ///
    /// - Parameter wanted: the id that was asked for; nil: the one that is there, else a new one.
    static func open(
        base: String, wanted: NodeID?, hostName: String,
        using generator: inout some RandomNumberGenerator
    ) throws(StartError) -> NodeDirectory {
        let absolute = try makeBase(base)
        var id = wanted
        if id == nil { id = try existing(in: absolute) }
        let path: String
        let chosen = id ?? fresh(hostName: hostName, using: &generator)
        path = absolute == "/" ? "/\(chosen.name)" : "\(absolute)/\(chosen.name)"
        do throws(PosixError) {
            _ = try Directory.makeIfMissing(BytePath(path), in: .workingDirectory)
            let directory = try Directory.open(
                BytePath(path), in: .workingDirectory, [.readOnly, .directory])
            return NodeDirectory(
                id: chosen, path: path, basePath: absolute, lock: try locked(directory),
                directory: directory)
        } catch {
            throw startError(error, path: path)
        }
    }

    private init(
        id: NodeID, path: String, basePath: String, lock: consuming Descriptor,
        directory: consuming Descriptor
    ) {
        self.id = id
        self.path = path
        self.basePath = basePath
        self.lock = lock
        self.directory = directory
    }

    /// - Throws: a call "locked" whose code is the holder's pid.
    private static func locked(_ directory: borrowing Descriptor) throws(PosixError) -> Descriptor {
        let lock = try Directory.open("lock", in: directory, [.readWrite, .create], mode: 0o644)
        guard try FileIO.lock(lock) else {
            let holder = try FileIO.read(lock, count: 16, at: 0).prefix { $0 > 0x20 }
            throw PosixError(Int32(String(decoding: holder, as: UTF8.self)) ?? 0, "locked")
        }
        // Written over what is there: on a full disk the freed block might not come back.
        let pid = [UInt8]("\(SelfProcess.pid)\n".utf8)
        try FileIO.write(pid, to: lock, at: 0)
        try FileIO.truncate(lock, to: Int64(pid.count))
        return lock
    }

    private static func startError(_ error: PosixError, path: String) -> StartError {
        guard error.call == "locked" else {
            return StartError(
                .cannotCreate, "the node's directory \(path) cannot be used: \(error)")
        }
        return StartError(
            .locked,
            "\(path) is in use by another clusterf-supervisor (pid \(error.code))",
            hint: "stop it first (clusterfctl stop), or choose another --data-dir or --node-id")
    }

    /// The sockets' directory, made or emptied of nothing: sockets are replaced one by one.
    func openRunDirectory() throws(StartError) -> String {
        do {
            _ = try Directory.makeIfMissing("run", in: directory, mode: 0o700)
            let run = try Directory.open("run", in: directory, [.readOnly, .directory])
            // It may be there with another mode; nobody else has business with the sockets.
            try FileIO.setMode(run, to: 0o700)
        } catch {
            throw StartError(.cannotCreate, "\(path)/run cannot be made: \(error)")
        }
        return "\(path)/run"
    }
}

extension NodeDirectory {
    /// The id of the one node below `base`; nil: none yet.
    private static func existing(in path: String) throws(StartError) -> NodeID? {
        let nodes: [NodeID]
        do throws(PosixError) {
            nodes = try nodeIDs(in: path)
        } catch {
            throw StartError(.cannotCreate, "the data directory \(path) cannot be read: \(error)")
        }
        guard nodes.count > 1 else { return nodes.first }
        throw StartError(
            .usage,
            "\(path) has \(nodes.count) nodes: \(nodes.map(\.name).joined(separator: ", "))",
            hint: "say which with --node-id")
    }

    private static func nodeIDs(in path: String) throws(PosixError) -> [NodeID] {
        let base = try Directory.open(
            BytePath(path), in: .workingDirectory, [.readOnly, .directory])
        var candidates: [NodeID] = []
        var seen = 0
        try Directory.forEachEntry(of: base) { entry in
            seen += 1
            let id = NodeID(String(decoding: entry.name, as: UTF8.self))
            if entry.isDirectory != false, let id { candidates.append(id) }
            return seen < SupervisorLimits.nodeDirectoriesMax
        }
        var nodes: [NodeID] = []
        for id in candidates where try isNode(id, in: base) { nodes.append(id) }
        return nodes.sorted { $0.name < $1.name }
    }

    private static func isNode(
        _ id: NodeID, in base: borrowing Descriptor
    ) throws(PosixError) -> Bool {
        for mark in ["lock", "FORMAT"] {
            do {
                let path = BytePath("\(id.name)/\(mark)")
                if try Directory.status(of: path, in: base) != nil { return true }
            } catch {
                // A file, or a directory of somebody else.
                if error.code == ENOTDIR || error.code == EACCES { return false }
                throw error
            }
        }
        return false
    }

    /// A new id: the host's name, so that people know it, and enough chance to be alone.
    static func fresh(
        hostName: String, using generator: inout some RandomNumberGenerator
    ) -> NodeID {
        let host = hostName.utf8.prefix { $0 != 0x2E }.map { byte in
            switch byte {
            case 0x30...0x39, 0x61...0x7A, 0x2D: byte
            case 0x41...0x5A: byte + 0x20
            default: UInt8(ascii: "-")
            }
        }
        let name = String(
            decoding: host.prefix(SupervisorLimits.nodeIDHostBytesMax), as: UTF8.self)
        let characters = Array("abcdefghijklmnopqrstuvwxyz0123456789")
        var random = ""
        for _ in 0..<SupervisorLimits.nodeIDRandomCount {
            random.append(characters[Int.random(in: characters.indices, using: &generator)])
        }
        guard let id = NodeID((name.isEmpty ? "node" : name) + "-" + random) else {
            preconditionFailure("a made node id is one: \(name)-\(random)")
        }
        return id
    }

    /// Makes the base directory where it is missing.
    ///
    /// - Returns: its absolute path.
    static func makeBase(_ path: String) throws(StartError) -> String {
        var parent = path.hasPrefix("/") ? "/" : ""
        do throws(PosixError) {
            for part in path.split(separator: "/") {
                parent += part
                // What exists may lie where nothing can be made (a read-only root).
                let place = BytePath(parent)
                if try Directory.status(of: place, in: .workingDirectory) == nil {
                    _ = try Directory.makeIfMissing(place, in: .workingDirectory, mode: 0o755)
                }
                parent += "/"
            }
            return try resolved(path)
        } catch {
            throw StartError(.cannotCreate, "the data directory \(path) cannot be made: \(error)")
        }
    }

    private static func resolved(_ path: String) throws(PosixError) -> String {
        guard let real = unsafe realpath(path, nil) else { throw PosixError(errno, "realpath") }
        defer { unsafe free(real) }
        return unsafe String(cString: real)
    }
}

/// The name of this machine.
enum HostName {
    static var current: String {
        var buffer = [CChar](repeating: 0, count: 256)
        guard unsafe gethostname(&buffer, buffer.count - 1) == 0 else { return "" }
        let bytes = buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        return String(decoding: bytes, as: UTF8.self)
    }
}
