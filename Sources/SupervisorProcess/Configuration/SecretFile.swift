internal import Model
internal import Posix

/// A file with a secret, which this process alone opens.
struct SecretFile {
    var bytes: [UInt8]
    /// What is wrong with the file and does not keep the node from starting; nil: nothing.
    var warning: String?

    /// Permission bits of everybody who is neither the owner nor of the file's group.
    private static let othersMask: UInt32 = 0o007

    /// - Parameters:
    ///   - place: the option that named the file, in the words of a message.
    ///   - what: what it holds, in the same words.
    static func read(
        _ path: String, place: String, what: String, hint: String
    ) throws(StartError) -> SecretFile {
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
                .usage, "\(place): the \(what) in \(path) cannot be read: \(error)", hint: hint)
        }
        guard status.kind == .regular else {
            throw StartError(.usage, "\(place): \(path) is no regular file")
        }
        guard bytes.count <= SupervisorLimits.keyFileBytesMax else {
            throw StartError(
                .usage, "\(place): \(path) is too large for a \(what)", hint: hint)
        }
        guard status.mode & othersMask != 0 else { return SecretFile(bytes: bytes) }
        return SecretFile(
            bytes: bytes,
            warning:
                "the \(what) in \(path) is open to every user of this machine: chmod 600 \(path)")
    }
}
