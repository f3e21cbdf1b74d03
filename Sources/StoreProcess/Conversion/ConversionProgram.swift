internal import Glibc
internal import Model
internal import Posix

/// `clusterf-store --convert KIND DIRECTORY`, started by clusterfctl for a stopped node; with `key` behind that
/// the phrase of an encrypted directory is on standard input.
enum ConversionProgram {
    static let option = "--convert"

    /// - Parameter words: what stands behind the option.
    static func run(_ words: ArraySlice<String>) -> Never {
        let hasKey = words.count == 3 && words.last == "key"
        guard words.count == 2 || hasKey, let name = words.first,
            let kind = StorageKind(rawValue: name), let directory = words.dropFirst().first,
            directory.first == "/"
        else {
            StandardOutput.write("usage: clusterfctl convert --to KIND, \(StorageKind.list)\n")
            exit(ProcessEnd.usage)
        }
        do {
            let phrase = hasKey ? try StandardPhrases.read(count: 1).first : nil
            let conversion = Conversion(BytePath(directory), to: kind, phrase: phrase) {
                StandardOutput.write("\($0)\n")
            }
            let outcome = try conversion.run()
            StandardOutput.write(text(outcome, kind) + "\n")
            exit(outcome.unreadable.isEmpty ? ProcessEnd.orderly : ProcessEnd.failed)
        } catch {
            StandardOutput.write(
                "the storage stays as it is: \(error)\n"
                    + "  the same command goes on where this one stopped\n")
            exit(ProcessEnd.failed)
        }
    }

    private static func text(_ outcome: Conversion.Outcome, _ kind: StorageKind) -> String {
        if outcome.wasDone { return "the storage is \(kind.rawValue)" }
        let sizes = "\(outcome.objectCount) objects, \(outcome.byteCount >> 20) MiB"
        if outcome.unreadable.isEmpty {
            return "the storage is \(kind.rawValue) now: \(sizes), \(outcome.copiedCount) copied"
        }
        return
            "the storage stays as it is: \(outcome.unreadable.count) objects cannot be read, \(sizes)"
            + " can\n  start the node, so that it repairs them from other nodes, or delete the files;"
            + " then convert again"
    }
}
