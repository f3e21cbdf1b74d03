internal import Model

/// A version's name as the API writes it: the id of the disk that made it, a point, and its sequence.
enum VersionName {
    /// The version that `?version=` names; nil where the query has none.
    static func of(_ query: Query) throws(Problem) -> Dot? {
        guard let text = query["version"] else { return nil }
        guard let dot = parse(text) else {
            throw Problem(
                .badRequest, "bad_version", "version is not the name of a version.",
                hint: "GET /api/versions/ of the path lists them.")
        }
        return dot
    }

    static func parse(_ text: [UInt8]) -> Dot? {
        guard text.count > 33, text[32] == 0x2E,
            let disk = DiskID(hex: String(decoding: text[..<32], as: UTF8.self)),
            let sequence = Token.number(text[33...])
        else { return nil }
        return Dot(disk: disk, sequence: sequence)
    }
}
