internal import Model

/// The file with the cluster's key, which this process alone opens.
struct KeyFile: Equatable {
    var key: ClusterKey
    /// What is wrong with the file and does not keep the node from starting; nil: nothing.
    var warning: String?

    /// - Parameter place: the option that named the file, in the words of a message.
    static func read(_ path: String, place: String) throws(StartError) -> KeyFile {
        let file = try SecretFile.read(
            path, place: place, what: "cluster key", hint: KeyFile.hint(path))
        do throws(ClusterKey.Flaw) {
            return KeyFile(key: try ClusterKey(text: file.bytes), warning: file.warning)
        } catch {
            throw StartError(
                .usage, "\(place): \(path) is no cluster key: \(error.sentence)",
                hint: hint(path))
        }
    }

    private static func hint(_ path: String) -> String {
        "clusterfctl keygen makes one, to be copied to every node: one line with at least"
            + " \(ClusterKey.byteCountMin) bytes in hexadecimal"
    }
}
