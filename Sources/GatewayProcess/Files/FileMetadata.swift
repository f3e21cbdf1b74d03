internal import IPC
internal import Model

/// The JSON of one file or directory, as the API promises it.
enum FileMetadata {
    static func write(
        _ facts: FileFacts, path: [UInt8], holders: [NodeID], to json: inout JSONWriter
    ) {
        json.object { json in
            writeMembers(facts, path: path, to: &json)
            json.member("holders") { $0.array(holders) { $0.value($1.name) } }
        }
    }

    /// What is said of any version of a file.
    static func writeMembers(_ facts: FileFacts, path: [UInt8], to json: inout JSONWriter) {
        writeName(path, to: &json)
        json.member("size", facts.byteCount)
        json.member("content_type", facts.contentType)
        json.key("created_at")
        json.value(utf8: RFC3339.format(facts.created))
        json.key("modified_at")
        json.value(utf8: RFC3339.format(facts.modified))
        json.member("is_directory", false)
        json.member("checksum", facts.digest.hex)
        json.member("version", facts.versionName)
    }

    static func write(
        directory path: [UInt8], modified: Timestamp, holders: [NodeID],
        to json: inout JSONWriter
    ) {
        json.object { json in
            writeName(path, to: &json)
            json.member("size", 0)
            json.member("content_type", "inode/directory")
            json.key("created_at")
            json.value(utf8: RFC3339.format(modified))
            json.key("modified_at")
            json.value(utf8: RFC3339.format(modified))
            json.member("is_directory", true)
            json.member("holders") { $0.array(holders) { $0.value($1.name) } }
        }
    }

    private static func writeName(_ path: [UInt8], to json: inout JSONWriter) {
        let slash = path.lastIndex(of: 0x2F) ?? 0
        json.key("name")
        json.value(utf8: path[min(slash + 1, path.count)...])
        json.key("path")
        json.value(utf8: path)
    }
}
