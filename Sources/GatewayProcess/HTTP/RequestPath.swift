internal import Model

/// A path of the store as a request names it.
struct RequestPath: Equatable {
    var path: StorePath
    /// The request has a slash at the end (or means the root): only a directory will do.
    var isDirectory: Bool

    /// The path that `text`, what follows a route's prefix, writes in percent encoding.
    ///
    /// - Parameter text: empty, or starting with a slash.
    init(decoding text: ArraySlice<UInt8>) throws(Problem) {
        guard let decoded = PercentEncoding.decode(text) else {
            throw Problem(.badRequest, "bad_escape", "The path has a broken percent escape.")
        }
        if decoded.isEmpty {
            path = .root
            isDirectory = true
            return
        }
        guard let bytes = RequestPath.normalized(decoded) else {
            throw Problem(.badRequest, "bad_path", "The path is not valid UTF-8.")
        }
        do {
            path = try StorePath(validating: bytes)
        } catch {
            throw RequestPath.problem(error)
        }
        isDirectory = bytes.last == 0x2F
    }

    /// The bytes in normalization form C; nil where they are not UTF-8.
    static func normalized(_ bytes: [UInt8]) -> [UInt8]? {
        StorePath.normalized(bytes)
    }

    private static func problem(_ fault: StorePath.Fault) -> Problem {
        let reason =
            switch fault {
            case .notAbsolute: "The path does not start with a slash."
            case .tooLong: "The path is longer than \(StorePath.byteCountMax) bytes."
            case .componentTooLong:
                "A name of the path is longer than \(StorePath.componentByteCountMax) bytes."
            case .emptyComponent: "The path has an empty name."
            case .dotComponent: "The path has a name that is . or .. ."
            case .nul: "The path has a NUL."
            case .notUTF8: "The path is not valid UTF-8."
            }
        return Problem(.badRequest, "bad_path", reason)
    }

    /// The path as a URL of the files route.
    static func url(of path: StorePath) -> [UInt8] {
        [UInt8]("/api/files".utf8) + PercentEncoding.encode(path.bytes[...], keepingSlash: true)
    }
}
