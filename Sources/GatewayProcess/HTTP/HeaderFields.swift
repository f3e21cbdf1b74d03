/// The fields that the gateway reads. Each name is recognized once, while the head is parsed, so
/// that a look-up compares one byte.
enum FieldName: UInt8, CaseIterable {
    case other
    case host
    case connection
    case contentLength
    case transferEncoding
    case expect
    case contentType
    case range
    case ifMatch
    case ifNoneMatch
    case ifModifiedSince
    case ifUnmodifiedSince
    case ifRange
    case contentDigest
    case contentRange
    case contentEncoding
    case modifiedAt
    case createdAt
    case checksum
    case createDirectory
    case origin
    case secFetchSite
    case lastEventID
    case depth
    case destination
    case overwrite
    case ifStates
    case lockToken
    case timeout
    case modifiedSeconds
    case updateRange

    /// In lower case.
    var text: StaticString {
        switch self {
        case .other: ""
        case .host: "host"
        case .connection: "connection"
        case .contentLength: "content-length"
        case .transferEncoding: "transfer-encoding"
        case .expect: "expect"
        case .contentType: "content-type"
        case .range: "range"
        case .ifMatch: "if-match"
        case .ifNoneMatch: "if-none-match"
        case .ifModifiedSince: "if-modified-since"
        case .ifUnmodifiedSince: "if-unmodified-since"
        case .ifRange: "if-range"
        case .contentDigest: "content-digest"
        case .contentRange: "content-range"
        case .contentEncoding: "content-encoding"
        case .modifiedAt: "x-clusterf-modified-at"
        case .createdAt: "x-clusterf-created-at"
        case .checksum: "x-clusterf-checksum"
        case .createDirectory: "x-create-directory"
        case .origin: "origin"
        case .secFetchSite: "sec-fetch-site"
        case .lastEventID: "last-event-id"
        case .depth: "depth"
        case .destination: "destination"
        case .overwrite: "overwrite"
        case .ifStates: "if"
        case .lockToken: "lock-token"
        case .timeout: "timeout"
        case .modifiedSeconds: "x-oc-mtime"
        case .updateRange: "x-update-range"
        }
    }

    /// The names by their length: at most four share one.
    private static let byLength: [[(name: FieldName, text: [UInt8])]] = {
        var table: [[(name: FieldName, text: [UInt8])]] = Array(repeating: [], count: 32)
        for name in allCases where name != .other {
            let text = [UInt8]("\(name.text)".utf8)
            table[text.count].append((name, text))
        }
        return table
    }()

    /// The field with this name, in any case.
    static func recognize(_ text: ArraySlice<UInt8>) -> FieldName {
        guard text.count < byLength.count else { return .other }
        for candidate in byLength[text.count] where Token.equal(text, lowerCase: candidate.text) {
            return candidate.name
        }
        return .other
    }
}

/// Words of HTTP's grammar.
enum Token {
    /// Whether `text` is `lowerCase` but for the case of ASCII letters.
    static func equal(_ text: ArraySlice<UInt8>, lowerCase: [UInt8]) -> Bool {
        guard text.count == lowerCase.count else { return false }
        var index = text.startIndex
        for wanted in lowerCase {
            let byte = text[index]
            guard byte == wanted || (byte >= 0x41 && byte <= 0x5A && byte | 0x20 == wanted) else {
                return false
            }
            index += 1
        }
        return true
    }

    static func equal(_ text: ArraySlice<UInt8>, _ lowerCase: StaticString) -> Bool {
        equal(text, lowerCase: [UInt8]("\(lowerCase)".utf8))
    }

    /// Whether the byte may stand in a method or a field name (RFC 9110, section 5.6.2).
    static func isTokenByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x21, 0x23...0x27, 0x2A, 0x2B, 0x2D, 0x2E,
            0x5E...0x60, 0x7C, 0x7E:
            true
        default: false
        }
    }

    /// `text` without spaces and tabs at its ends.
    static func trimmed(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var text = text
        while let first = text.first, first == 0x20 || first == 0x09 { text = text.dropFirst() }
        while let last = text.last, last == 0x20 || last == 0x09 { text = text.dropLast() }
        return text
    }

    /// The elements of a comma-separated list, trimmed, the empty ones left out.
    static func list(_ text: ArraySlice<UInt8>) -> [ArraySlice<UInt8>] {
        text.split(separator: 0x2C).map { trimmed($0) }.filter { !$0.isEmpty }
    }

    /// The number that decimal digits write; nil for anything else, and above 63 bits.
    static func number(_ text: ArraySlice<UInt8>) -> UInt64? {
        guard !text.isEmpty, text.count <= 19 else { return nil }
        var value: UInt64 = 0
        for byte in text {
            guard (0x30...0x39).contains(byte) else { return nil }
            value = value * 10 + UInt64(byte - 0x30)
        }
        return value <= UInt64(Int64.max) ? value : nil
    }
}

/// The fields of one head: their bytes, and where each one lies.
struct HeaderFields {
    private struct Field {
        var name: FieldName
        var start: Int32
        var end: Int32
    }

    private var bytes: [UInt8]
    private var fields: [Field] = []

    /// - Parameter bytes: the head's bytes, in which the fields lie.
    init(bytes: [UInt8]) { self.bytes = bytes }

    mutating func add(_ name: FieldName, value: ArraySlice<UInt8>) {
        // Names that the gateway does not read are not kept: no route asks for them.
        if name == .other { return }
        fields.append(
            Field(name: name, start: Int32(value.startIndex), end: Int32(value.endIndex)))
    }

    /// The first field of this name.
    subscript(name: FieldName) -> ArraySlice<UInt8>? {
        for field in fields where field.name == name {
            return bytes[Int(field.start)..<Int(field.end)]
        }
        return nil
    }

    func contains(_ name: FieldName) -> Bool { fields.contains { $0.name == name } }

    /// All fields of this name.
    func all(_ name: FieldName) -> [ArraySlice<UInt8>] {
        fields.filter { $0.name == name }.map { bytes[Int($0.start)..<Int($0.end)] }
    }

    /// The fields of this name as one comma-separated list; nil where there is none.
    func list(_ name: FieldName) -> [ArraySlice<UInt8>]? {
        let values = all(name)
        return values.isEmpty ? nil : values.flatMap { Token.list($0) }
    }
}
