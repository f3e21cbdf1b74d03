internal import Glibc
internal import Model
internal import Posix

/// `clusterf-store --rekey DIRECTORY`, started by clusterfctl for a stopped node. The phrases, the old one and
/// the new one, are lines of hexadecimal digits on standard input, which is a file.
enum RekeyProgram {
    static let option = "--rekey"

    /// - Parameter words: what stands behind the option.
    static func run(_ words: ArraySlice<String>) -> Never {
        guard words.count == 1, let directory = words.first, directory.first == "/" else {
            StandardOutput.write(
                "usage: clusterfctl rekey --encryption-key-file OLD --new-encryption-key-file NEW\n"
            )
            exit(ProcessEnd.usage)
        }
        do {
            let phrases = try StandardPhrases.read(count: 2)
            let rekeying = Rekeying(BytePath(directory), from: phrases[0], to: phrases[1]) {
                StandardOutput.write("\($0)\n")
            }
            let outcome = try rekeying.run()
            StandardOutput.write(text(outcome) + "\n")
            exit(outcome.unreadable.isEmpty ? ProcessEnd.orderly : ProcessEnd.failed)
        } catch {
            StandardOutput.write(
                "\(error)\n  nothing is lost; the same command goes on where this one stopped\n")
            exit(ProcessEnd.failed)
        }
    }

    private static func text(_ outcome: Rekeying.Outcome) -> String {
        if outcome.wasDone { return "the directory is under the new key" }
        guard outcome.unreadable.isEmpty else {
            return
                "the new key opens the directory, but \(outcome.unreadable.count) objects cannot be read and "
                + "are under the old data key\n  start the node with the new key, so that it repairs them from "
                + "other nodes, or delete the files; then do this again"
        }
        return
            "the directory is under the new key: \(outcome.objectCount) objects, "
            + "\(outcome.sealedCount) sealed anew"
    }
}

/// Phrases that clusterfctl hands over: they must not stand on a command line.
enum StandardPhrases {
    /// Of a line each.
    static func read(count: Int) throws -> [EncryptionPhrase] {
        let input = Descriptor(owning: STDIN_FILENO)
        let lineMax = 2 * EncryptionPhrase.byteCountMax + 1
        let bytes = try FileIO.read(input, count: count * lineMax + 1, at: 0)
        let lines = bytes.split(separator: UInt8(ascii: "\n"))
        var phrases: [EncryptionPhrase] = []
        for line in lines {
            guard let phrase = Hex.decode(line).flatMap({ try? EncryptionPhrase($0) }) else {
                throw PermanentFailure("standard input has no encryption key")
            }
            phrases.append(phrase)
        }
        guard phrases.count == count else {
            throw PermanentFailure(
                "standard input has \(phrases.count) encryption keys, not \(count)")
        }
        return phrases
    }
}
