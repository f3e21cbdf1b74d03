internal import Model
internal import Posix

/// A file with the phrase of an encrypted directory.
enum PhraseFile {
    static func read(_ path: String) throws(ControlError) -> EncryptionPhrase {
        let bytes: [UInt8]
        do throws(PosixError) {
            let file = try Directory.open(
                BytePath(path), in: .workingDirectory, [.readOnly, .nonblocking])
            bytes = try FileIO.read(file, count: EncryptionPhrase.byteCountMax + 3, at: 0)
        } catch {
            throw ControlError(.usage, "the encryption key in \(path) cannot be read: \(error)")
        }
        return try phrase(bytes, path)
    }

    private static func phrase(
        _ bytes: [UInt8], _ path: String
    ) throws(ControlError) -> EncryptionPhrase {
        do throws(EncryptionPhrase.Flaw) {
            return try EncryptionPhrase(bytes)
        } catch {
            throw ControlError(.usage, "\(path) holds no encryption key: \(error.sentence)")
        }
    }
}
