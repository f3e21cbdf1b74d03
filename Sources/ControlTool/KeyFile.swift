internal import Glibc
internal import Model
internal import Posix

/// Makes the file with a cluster's key.
enum KeyFile {
    /// - Parameter generator: the system's, where the key is to be a secret.
    static func makeKey(using generator: inout some RandomNumberGenerator) -> ClusterKey {
        let bytes = (0..<ClusterKey.byteCountMin).map { _ in
            UInt8.random(in: 0...255, using: &generator)
        }
        guard let key = ClusterKey(bytes: bytes) else {
            preconditionFailure("a key of the least length is none")
        }
        return key
    }

    /// Writes a new file that its owner alone can read. What is there already stays as it is: a key that
    /// is written over is lost, and its nodes with it.
    static func write(_ key: ClusterKey, to path: String) throws(ControlError) {
        let file: Descriptor
        do throws(PosixError) {
            file = try Directory.open(
                BytePath(path), in: .workingDirectory,
                [.writeOnly, .create, .exclusive, .noFollow],
                mode: 0o600)
        } catch {
            if error.code == EEXIST {
                throw ControlError(
                    .failed, "\(path) is there already, and stays as it is",
                    hint: "a key that is written over is lost: name another file")
            }
            throw ControlError(.failed, "\(path) cannot be made: \(error)")
        }
        do throws(PosixError) {
            try FileIO.append([UInt8]((key.text + "\n").utf8), to: file)
            try FileIO.sync(file)
        } catch {
            let why = "\(path) cannot be written: \(error)"
            do throws(PosixError) {
                try Directory.remove(BytePath(path), in: .workingDirectory)
            } catch {
                throw ControlError(.failed, why, hint: "delete what is there of it")
            }
            throw ControlError(.failed, why)
        }
    }
}
