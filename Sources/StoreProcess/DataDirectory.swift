internal import Model
internal import Posix

/// The node's directory and what lies in it, open; see docs/FORMATS.md.
///
/// Everything is reached from open directories, so that a path of any length works and nothing
/// outside can be named.
final class DataDirectory: Sendable {
    let path: BytePath
    let root: Descriptor
    let meta: Descriptor
    let objects: Descriptor
    let staging: Descriptor
    /// The browsable view.
    let files: Descriptor
    private let lock: HandedDescriptor

    /// The line of `FORMAT`.
    private static let program = "clusterf"
    private static let layoutVersion = 1
    static let storageMajor = "rawfile"
    static let storageMinor = "1"

    var metaPath: BytePath { path.appending("meta") }

    /// Opens or makes the directory.
    /// - Throws: `PermanentFailure` where another format or another store is there.
    init(_ path: BytePath) throws {
        self.path = path
        do {
            root = try Directory.open(path, in: .workingDirectory, [.readOnly, .directory])
        } catch {
            throw PermanentFailure("the node directory \(path) cannot be opened: \(error)")
        }
        let lock = try Directory.open("store.lock", in: root, [.readWrite, .create])
        guard try FileIO.lock(lock) else {
            throw StoreStillOpen(path: path)
        }
        self.lock = HandedDescriptor(lock)
        let isFresh = try DataDirectory.checkFormat(root)
        meta = try DataDirectory.part("meta", of: root)
        objects = try DataDirectory.part("objects", of: root)
        staging = try DataDirectory.part("staging", of: root)
        files = try DataDirectory.part("files", of: root)
        _ = try Directory.makeIfMissing("quarantine", in: root)
        if isFresh {
            for shard in 0..<256 {
                let name = Hex.encodedBytes([UInt8(shard)])
                _ = try Directory.makeIfMissing(BytePath(name), in: objects)
            }
            try FileIO.sync(objects)
            // Last: a directory with a FORMAT is complete.
            try DataDirectory.writeFormat(root)
        }
    }

    private static func part(
        _ name: BytePath, of root: borrowing Descriptor
    ) throws -> Descriptor {
        _ = try Directory.makeIfMissing(name, in: root)
        return try Directory.open(name, in: root, [.readOnly, .directory, .noFollow])
    }

    /// Reads `FORMAT`: true where there is none yet.
    private static func checkFormat(_ root: borrowing Descriptor) throws -> Bool {
        guard try Directory.status(of: "FORMAT", in: root) != nil else { return true }
        let file = try Directory.open("FORMAT", in: root)
        let text = String(
            decoding: try FileIO.read(file, count: 256, at: 0), as: UTF8.self)
        let words = text.split(whereSeparator: { $0 == " " || $0 == "\n" })
        guard words.count == 4, words[0] == program, let version = Int(words[1]) else {
            throw PermanentFailure("FORMAT says “\(text)”: this is no data directory of clusterf")
        }
        guard version <= layoutVersion else {
            throw PermanentFailure(
                "the data directory has format \(version), this program knows \(layoutVersion): "
                    + "start the newer version of clusterf that made it")
        }
        guard words[2] == storageMajor else {
            throw PermanentFailure(
                "the data directory was made with --storage-major \(words[2]), which cannot be "
                    + "changed to \(storageMajor) later")
        }
        guard words[3] == storageMinor else {
            throw PermanentFailure(
                "the data directory has format \(words[2]) \(words[3]), this program knows "
                    + "\(storageMinor): start the version of clusterf that made it")
        }
        return false
    }

    private static func writeFormat(_ root: borrowing Descriptor) throws {
        let line = "\(program) \(layoutVersion) \(storageMajor) \(storageMinor)\n"
        do {
            let file = try Directory.open(
                "FORMAT.new", in: root, [.writeOnly, .create, .truncate])
            try FileIO.write([UInt8](line.utf8), to: file, at: 0)
            try FileIO.sync(file)
        }
        try Directory.rename("FORMAT.new", in: root, to: "FORMAT", in: root)
        try FileIO.sync(root)
    }

    /// Lets another store open the directory; the end of the process does the same.
    func unlock() { lock.close() }

    /// Bytes that a write may still take.
    func freeByteCount() throws -> UInt64 { try Directory.space(of: root).available }
}

/// Names of objects and staging files.
enum ObjectName {
    /// `<2 hex>/<32 hex>` within `objects/`.
    static func path(_ object: ObjectID) -> BytePath {
        let hex = Hex.encodedBytes(object.bytes)
        return BytePath(hex[..<2] + [UInt8(ascii: "/")] + hex)
    }

    /// `<2 hex>` within `objects/`.
    static func shard(_ object: ObjectID) -> BytePath {
        BytePath(Hex.encodedBytes(object.bytes.prefix(1)))
    }

    /// `<32 hex>` within `staging/`.
    static func staging(_ operation: OperationID) -> BytePath {
        BytePath(Hex.encodedBytes(operation.bytes))
    }
}
