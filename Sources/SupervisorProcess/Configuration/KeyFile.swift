internal import Model
internal import Posix

/// The file with the cluster's key, which this process alone opens.
struct KeyFile: Equatable {
    var key: ClusterKey
    /// What is wrong with the file and does not keep the node from starting; nil: nothing.
    var warning: String?

    /// Permission bits of everybody who is neither the owner nor of the file's group.
    private static let othersMask: UInt32 = 0o007

    /// - Parameter place: the option that named the file, in the words of a message.
    static func read(_ path: String, place: String) throws(StartError) -> KeyFile {
        let bytes: [UInt8]
        let status: FileStatus
        do throws(PosixError) {
            // A pipe without a writer would keep the start waiting.
            let file = try Directory.open(
                BytePath(path), in: .workingDirectory, [.readOnly, .nonblocking])
            status = try FileIO.status(of: file)
            bytes =
                status.kind == .regular
                ? try FileIO.read(file, count: SupervisorLimits.keyFileBytesMax + 1, at: 0) : []
        } catch {
            throw StartError(
                .usage, "\(place): the cluster key in \(path) cannot be read: \(error)",
                hint: KeyFile.hint(path))
        }
        guard status.kind == .regular else {
            throw StartError(.usage, "\(place): \(path) is no regular file")
        }
        guard bytes.count <= SupervisorLimits.keyFileBytesMax else {
            throw StartError(
                .usage, "\(place): \(path) is too large for a cluster key", hint: hint(path))
        }
        do throws(ClusterKey.Flaw) {
            return KeyFile(
                key: try ClusterKey(text: bytes), warning: warning(path, status))
        } catch {
            throw StartError(
                .usage, "\(place): \(path) is no cluster key: \(error.sentence)",
                hint: hint(path))
        }
    }

    private static func warning(_ path: String, _ status: FileStatus) -> String? {
        guard status.mode & othersMask != 0 else { return nil }
        return "the cluster key in \(path) is open to every user of this machine:"
            + " chmod 600 \(path)"
    }

    private static func hint(_ path: String) -> String {
        "clusterfctl keygen makes one, to be copied to every node: one line with at least"
            + " \(ClusterKey.byteCountMin) bytes in hexadecimal"
    }
}
