internal import IPC
internal import Model

/// Entity tags (RFC 9110, section 8.8.3). Ours are a content's SHA-256: in hexadecimal, as a checksum is
/// written, and over WebDAV in base 64 without padding, because clients there keep an If header with two tags
/// and a lock's token in a few hundred bytes (litmus in 199). What we read may be either.
enum EntityTag {
    static let hexCount = 64
    static let base64Count = 43

    /// `"base 64"`.
    static func short(_ digest: Digest) -> [UInt8] {
        [0x22] + Base64.encode(digest.bytes).prefix(base64Count) + [0x22]
    }

    /// `"hex"`.
    static func text(_ digest: Digest) -> [UInt8] {
        [0x22] + Hex.encodedBytes(digest.bytes) + [0x22]
    }

    /// A tag of a field: which digest it means (nil: none of ours) and whether it is weak.
    struct Parsed: Equatable {
        var digest: Digest?
        var isWeak: Bool
    }

    /// The tag that `text` or `short` writes; nil where it is none.
    static func parse(_ text: ArraySlice<UInt8>) -> Parsed? {
        let isWeak = text.starts(with: [0x57, 0x2F])
        let quoted = isWeak ? text.dropFirst(2) : text
        guard quoted.count >= 2, quoted.first == 0x22, quoted.last == 0x22 else { return nil }
        let opaque = quoted.dropFirst().dropLast()
        guard !opaque.contains(0x22) else { return nil }
        return Parsed(digest: digest(opaque), isWeak: isWeak)
    }

    private static func digest(_ opaque: ArraySlice<UInt8>) -> Digest? {
        switch opaque.count {
        case hexCount: Hex.decode(opaque).flatMap { Digest(bytes: $0) }
        case base64Count:
            Base64.decode([UInt8](opaque + [0x3D])[...]).flatMap { Digest(bytes: $0) }
        default: nil
        }
    }

    /// The tags of an If-Match or If-None-Match; nil where the request has none.
    ///
    /// - Parameter weakMatches: whether a weak tag counts (it does in If-None-Match).
    static func tags(
        _ name: FieldName, of fields: HeaderFields, weakMatches: Bool
    ) throws(Problem) -> WriteConditions.Tags? {
        guard fields.contains(name), let list = fields.list(name) else { return nil }
        if list.count == 1, list[0].elementsEqual([0x2A]) { return .any }
        guard list.count <= IPCLimits.entityTagCountMax else {
            throw Problem(
                .badRequest, "too_many_tags",
                "\(name.text) has more than \(IPCLimits.entityTagCountMax) entity tags.")
        }
        var digests: [Digest] = []
        for text in list {
            guard let tag = parse(text) else {
                throw Problem(
                    .badRequest, "bad_entity_tag", "\(name.text) is not a list of entity tags.",
                    hint: "An entity tag is written in double quotes.")
            }
            if let digest = tag.digest, weakMatches || !tag.isWeak { digests.append(digest) }
        }
        return .digests(digests)
    }
}

/// What a GET or HEAD demands of the file.
struct ReadConditions {
    enum Outcome: Equatable {
        case proceed
        case notModified
        case failed
    }

    private var ifMatch: WriteConditions.Tags?
    private var ifNoneMatch: WriteConditions.Tags?
    private var ifModifiedSince: Int64?
    private var ifUnmodifiedSince: Int64?

    init(_ fields: HeaderFields, presentYear: Int) throws(Problem) {
        ifMatch = try EntityTag.tags(.ifMatch, of: fields, weakMatches: false)
        ifNoneMatch = try EntityTag.tags(.ifNoneMatch, of: fields, weakMatches: true)
        // A date that is none is ignored (RFC 9110, sections 13.1.3 and 13.1.4).
        ifModifiedSince = fields[.ifModifiedSince].flatMap {
            HTTPDate.parse($0, presentYear: presentYear)
        }
        ifUnmodifiedSince = fields[.ifUnmodifiedSince].flatMap {
            HTTPDate.parse($0, presentYear: presentYear)
        }
    }

    /// In the order of RFC 9110, section 13.2.2.
    func outcome(digest: Digest, modified: Timestamp) -> Outcome {
        if let ifMatch {
            if !ifMatch.match(digest) { return .failed }
        } else if let ifUnmodifiedSince, modified.seconds > ifUnmodifiedSince {
            return .failed
        }
        if let ifNoneMatch {
            if ifNoneMatch.match(digest) { return .notModified }
        } else if let ifModifiedSince, modified.seconds <= ifModifiedSince {
            return .notModified
        }
        return .proceed
    }

    /// Whether a Range counts: If-Range is absent or names this very content (section 13.1.5).
    static func rangeApplies(
        _ fields: HeaderFields, digest: Digest, modified: Timestamp, presentYear: Int
    ) -> Bool {
        guard let field = fields[.ifRange] else { return true }
        if let tag = EntityTag.parse(field) { return !tag.isWeak && tag.digest == digest }
        guard let date = HTTPDate.parse(field, presentYear: presentYear) else { return false }
        return date == modified.seconds
    }
}

extension WriteConditions {
    /// The conditions of a PUT or DELETE.
    init(_ fields: HeaderFields, presentYear: Int) throws(Problem) {
        self.init(
            ifMatch: try EntityTag.tags(.ifMatch, of: fields, weakMatches: false),
            ifNoneMatch: try EntityTag.tags(.ifNoneMatch, of: fields, weakMatches: true),
            ifUnmodifiedSince: fields[.ifUnmodifiedSince].flatMap {
                HTTPDate.parse($0, presentYear: presentYear)
            })
    }
}
