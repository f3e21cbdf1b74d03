internal import IPC
internal import Model

/// What a file's content is.
enum ContentTypes {
    static let unknown = "application/octet-stream"

    private static let byExtension: [String: String] = [
        "7z": "application/x-7z-compressed", "aac": "audio/aac", "avi": "video/x-msvideo",
        "avif": "image/avif", "bmp": "image/bmp", "bz2": "application/x-bzip2",
        "css": "text/css", "csv": "text/csv", "deb": "application/vnd.debian.binary-package",
        "doc": "application/msword",
        "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "epub": "application/epub+zip", "flac": "audio/flac", "gif": "image/gif",
        "gz": "application/gzip", "heic": "image/heic", "htm": "text/html", "html": "text/html",
        "ico": "image/vnd.microsoft.icon", "ics": "text/calendar", "jpeg": "image/jpeg",
        "jpg": "image/jpeg", "js": "text/javascript", "json": "application/json",
        "log": "text/plain", "m4a": "audio/mp4", "m4v": "video/mp4", "md": "text/markdown",
        "mjs": "text/javascript", "mkv": "video/x-matroska", "mov": "video/quicktime",
        "mp3": "audio/mpeg", "mp4": "video/mp4", "mpeg": "video/mpeg", "mpg": "video/mpeg",
        "odp": "application/vnd.oasis.opendocument.presentation",
        "ods": "application/vnd.oasis.opendocument.spreadsheet",
        "odt": "application/vnd.oasis.opendocument.text", "oga": "audio/ogg",
        "ogg": "audio/ogg", "ogv": "video/ogg", "opus": "audio/opus", "pdf": "application/pdf",
        "png": "image/png", "ppt": "application/vnd.ms-powerpoint",
        "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        "rtf": "application/rtf", "srt": "application/x-subrip", "svg": "image/svg+xml",
        "tar": "application/x-tar", "tif": "image/tiff", "tiff": "image/tiff",
        "toml": "application/toml", "ts": "video/mp2t", "tsv": "text/tab-separated-values",
        "txt": "text/plain", "vtt": "text/vtt", "wasm": "application/wasm", "wav": "audio/wav",
        "weba": "audio/webm", "webm": "video/webm", "webp": "image/webp", "woff": "font/woff",
        "woff2": "font/woff2", "xls": "application/vnd.ms-excel",
        "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "xml": "application/xml", "xz": "application/x-xz", "yaml": "application/yaml",
        "yml": "application/yaml", "zip": "application/zip", "zst": "application/zstd",
    ]

    /// The type that the end of a name suggests.
    static func guess(_ path: StorePath) -> String {
        let name = path.name
        guard let dot = name.lastIndex(of: 0x2E), dot > name.startIndex else { return unknown }
        let suffix = String(decoding: name[(dot + 1)...], as: UTF8.self).lowercased()
        return byExtension[suffix] ?? unknown
    }

    /// The type of an upload: the client's, where it says one that means something.
    ///
    /// curl's `--data-binary` says `application/x-www-form-urlencoded` of any content, so that is
    /// taken as no word at all.
    static func ofUpload(_ fields: HeaderFields, path: StorePath) -> String {
        guard let field = fields[.contentType],
            !Token.equal(field, "application/x-www-form-urlencoded")
        else { return guess(path) }
        guard field.contains(0x2F), field.count <= IPCLimits.contentTypeByteCountMax,
            field.allSatisfy({ $0 >= 0x20 && $0 < 0x7F })
        else { return unknown }
        return String(decoding: field, as: UTF8.self)
    }
}
