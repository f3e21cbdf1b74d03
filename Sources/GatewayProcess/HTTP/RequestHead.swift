/// The methods that the gateway tells apart.
enum Method: Equatable, Sendable {
    /// Those that WebDAV adds to HTTP (RFC 4918, section 9).
    enum WebDAV: Sendable {
        case propfind
        case proppatch
        case mkcol
        case copy
        case move
        case lock
        case unlock
    }

    case get
    case head
    case put
    case post
    case delete
    case patch
    case options
    case webDAV(WebDAV)
    case other

    init(_ text: ArraySlice<UInt8>) {
        switch text.count {
        case 3 where text.elementsEqual("GET".utf8): self = .get
        case 3 where text.elementsEqual("PUT".utf8): self = .put
        case 4 where text.elementsEqual("HEAD".utf8): self = .head
        case 4 where text.elementsEqual("POST".utf8): self = .post
        case 5 where text.elementsEqual("PATCH".utf8): self = .patch
        case 6 where text.elementsEqual("DELETE".utf8): self = .delete
        case 7 where text.elementsEqual("OPTIONS".utf8): self = .options
        case 8 where text.elementsEqual("PROPFIND".utf8): self = .webDAV(.propfind)
        case 9 where text.elementsEqual("PROPPATCH".utf8): self = .webDAV(.proppatch)
        case 5 where text.elementsEqual("MKCOL".utf8): self = .webDAV(.mkcol)
        case 4 where text.elementsEqual("COPY".utf8): self = .webDAV(.copy)
        case 4 where text.elementsEqual("MOVE".utf8): self = .webDAV(.move)
        case 4 where text.elementsEqual("LOCK".utf8): self = .webDAV(.lock)
        case 6 where text.elementsEqual("UNLOCK".utf8): self = .webDAV(.unlock)
        default: self = .other
        }
    }

    /// Whether it changes nothing (RFC 9110, section 9.2.1).
    var isSafe: Bool {
        switch self {
        case .get, .head, .options, .webDAV(.propfind): true
        case .put, .post, .delete, .patch, .webDAV, .other: false
        }
    }

    /// Whether no route but WebDAV's knows it.
    var isOfWebDAV: Bool {
        if case .webDAV = self { true } else { false }
    }
}

/// How a body's end is known (RFC 9112, section 6).
enum Framing: Equatable, Sendable {
    case none
    case length(UInt64)
    case chunked
}

/// The head of one request, checked.
struct RequestHead {
    var method: Method
    /// The path in percent encoding, without the query; `*` for OPTIONS of the server.
    var path: [UInt8]
    /// What follows the `?`; nil where there is none.
    var query: [UInt8]?
    /// HTTP/1.1, or higher within 1; else HTTP/1.0.
    var isVersion11: Bool
    var fields: HeaderFields
    var framing: Framing
    /// Whether the client wants the connection kept.
    var keepsAlive: Bool
    /// Whether the client waits for `100 Continue` before its body.
    var expectsContinue: Bool
}

extension RequestHead {
    /// Parses a head's bytes, from the request line up to the empty line.
    init(parsing bytes: [UInt8]) throws(Problem) {
        var line = bytes[...]
        guard let end = RequestHead.lineEnd(in: line) else { throw .malformed("no request line") }
        let start = try RequestLine(line[..<end])
        line = line[(end + 2)...]
        var fields = HeaderFields(bytes: bytes)
        while let end = RequestHead.lineEnd(in: line), end > line.startIndex {
            try RequestHead.parseField(line[..<end], into: &fields)
            line = line[(end + 2)...]
        }
        method = start.method
        path = start.path
        query = start.query
        isVersion11 = start.isVersion11
        try RequestHead.checkHost(fields, isVersion11: start.isVersion11)
        framing = try RequestHead.framing(of: fields, isVersion11: start.isVersion11)
        keepsAlive = RequestHead.keepsAlive(fields, isVersion11: start.isVersion11)
        expectsContinue = false
        if let expect = fields[.expect], start.isVersion11 {
            guard Token.equal(expect, "100-continue") else {
                throw Problem(
                    .expectationFailed, "expectation", "Only Expect: 100-continue is known.")
            }
            expectsContinue = framing != .none && framing != .length(0)
        }
        self.fields = fields
    }

    private static func lineEnd(in bytes: ArraySlice<UInt8>) -> Int? {
        // The parser has seen to it that every LF follows a CR and that no other CR is there.
        bytes.firstIndex(of: 0x0D)
    }

    private static func parseField(
        _ line: ArraySlice<UInt8>, into fields: inout HeaderFields
    ) throws(Problem) {
        guard let colon = line.firstIndex(of: 0x3A), colon > line.startIndex else {
            throw .malformed("a header field without a name")
        }
        let name = line[..<colon]
        // Spaces before the colon, and continued lines, have been used to smuggle requests
        // (RFC 9112, section 5.1 and 5.2).
        for byte in name where !Token.isTokenByte(byte) {
            throw .malformed("a header field's name has a character that it cannot have")
        }
        let value = Token.trimmed(line[(colon + 1)...])
        for byte in value where (byte < 0x20 && byte != 0x09) || byte == 0x7F {
            throw .malformed("a header field's value has a control character")
        }
        fields.add(FieldName.recognize(name), value: value)
    }

    private static func checkHost(
        _ fields: HeaderFields, isVersion11: Bool
    ) throws(Problem) {
        let hosts = fields.all(.host)
        guard hosts.count <= 1 else { throw .malformed("more than one Host") }
        guard hosts.count == 1 || !isVersion11 else { throw .malformed("no Host") }
    }

    /// Anything that two readers could take differently is refused (RFC 9112, section 6.3).
    private static func framing(
        of fields: HeaderFields, isVersion11: Bool
    ) throws(Problem) -> Framing {
        let lengths = fields.all(.contentLength)
        let codings = fields.all(.transferEncoding)
        if let coding = codings.first {
            guard lengths.isEmpty else {
                throw .malformed("both Content-Length and Transfer-Encoding")
            }
            guard isVersion11 else { throw .malformed("Transfer-Encoding in HTTP/1.0") }
            guard codings.count == 1 else { throw .malformed("more than one Transfer-Encoding") }
            guard Token.equal(coding, "chunked") else {
                throw Problem(
                    .notImplemented, "transfer_encoding",
                    "Only Transfer-Encoding: chunked is known.")
            }
            return .chunked
        }
        guard let first = lengths.first else { return .none }
        guard let length = Token.number(first) else {
            throw .malformed("a Content-Length that is no number")
        }
        for other in lengths.dropFirst() where !other.elementsEqual(first) {
            throw .malformed("two lengths that differ")
        }
        return .length(length)
    }

    private static func keepsAlive(_ fields: HeaderFields, isVersion11: Bool) -> Bool {
        guard fields.contains(.connection), let options = fields.list(.connection) else {
            return isVersion11
        }
        if options.contains(where: { Token.equal($0, "close") }) { return false }
        return isVersion11 || options.contains { Token.equal($0, "keep-alive") }
    }
}

/// The first line of a request.
private struct RequestLine {
    var method: Method
    var path: [UInt8]
    var query: [UInt8]?
    var isVersion11: Bool

    init(_ line: ArraySlice<UInt8>) throws(Problem) {
        guard let first = line.firstIndex(of: 0x20), let last = line.lastIndex(of: 0x20),
            first < last, first > line.startIndex
        else { throw .malformed("the request line is not METHOD TARGET VERSION") }
        let name = line[..<first]
        for byte in name where !Token.isTokenByte(byte) {
            throw .malformed("the method has a character that it cannot have")
        }
        method = Method(name)
        isVersion11 = try RequestLine.isVersion11(line[(last + 1)...])
        let target = line[(first + 1)..<last]
        guard !target.isEmpty else { throw .malformed("an empty target") }
        for byte in target where byte <= 0x20 || byte == 0x7F {
            throw .malformed("the target has a space or a control character")
        }
        let (path, query) = try RequestLine.split(target, method: method)
        self.path = [UInt8](path)
        self.query = query.map { [UInt8]($0) }
    }

    private static func isVersion11(_ text: ArraySlice<UInt8>) throws(Problem) -> Bool {
        let bytes = [UInt8](text)
        guard bytes.count == 8, bytes.starts(with: "HTTP/".utf8), bytes[6] == 0x2E,
            (0x30...0x39).contains(bytes[5]), (0x30...0x39).contains(bytes[7])
        else { throw .malformed("the version is not HTTP/1.1") }
        guard bytes[5] == 0x31 else {
            throw Problem(.versionNotSupported, "version", "This is HTTP/1.1.")
        }
        return bytes[7] != 0x30
    }

    private static func split(
        _ target: ArraySlice<UInt8>, method: Method
    ) throws(Problem) -> (ArraySlice<UInt8>, ArraySlice<UInt8>?) {
        var target = target
        if target.elementsEqual([0x2A]) {
            guard method == .options else { throw .malformed("the target is *") }
            return (target, nil)
        }
        if target.first != 0x2F {
            // The absolute form, as proxies send it: the authority says nothing here.
            let prefix = target.prefix(7)
            guard Token.equal(prefix, "http://") else {
                throw .malformed("the target does not start with a slash")
            }
            let rest = target.dropFirst(7)
            target = rest.firstIndex(where: { $0 == 0x2F || $0 == 0x3F }).map { rest[$0...] } ?? []
            if target.first != 0x2F { target = [0x2F] + target }
        }
        if let hash = target.firstIndex(of: 0x23) {
            // None may be sent (RFC 9110, section 7.1). Who deletes `dir#part` does not mean `dir`.
            guard method.isSafe else { throw .malformed("the target has a fragment") }
            target = target[..<hash]
        }
        guard let mark = target.firstIndex(of: 0x3F) else { return (target, nil) }
        return (target[..<mark], target[(mark + 1)...])
    }
}

extension Problem {
    /// A request that breaks HTTP's rules; the connection closes after it.
    static func malformed(_ what: String) -> Problem {
        Problem(.badRequest, "malformed", "The request is malformed: \(what).")
    }
}
