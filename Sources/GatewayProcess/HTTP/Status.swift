internal import WebDAV

/// The status codes that the gateway answers.
enum Status: Int, Sendable {
    case ok = 200
    case created = 201
    case accepted = 202
    case noContent = 204
    case partialContent = 206
    case multiStatus = 207
    case notModified = 304
    case permanentRedirect = 308
    case badRequest = 400
    case forbidden = 403
    case notFound = 404
    case methodNotAllowed = 405
    case requestTimeout = 408
    case conflict = 409
    case lengthRequired = 411
    case preconditionFailed = 412
    case contentTooLarge = 413
    case uriTooLong = 414
    case unsupportedMediaType = 415
    case rangeNotSatisfiable = 416
    case expectationFailed = 417
    case unprocessable = 422
    case locked = 423
    case failedDependency = 424
    case headerTooLarge = 431
    case internalError = 500
    case notImplemented = 501
    case badGateway = 502
    case unavailable = 503
    case gatewayTimeout = 504
    case versionNotSupported = 505
    case insufficientStorage = 507

    /// The status line's end: code, reason and line break.
    var line: StaticString {
        switch self {
        case .ok: "200 OK\r\n"
        case .created: "201 Created\r\n"
        case .accepted: "202 Accepted\r\n"
        case .noContent: "204 No Content\r\n"
        case .partialContent: "206 Partial Content\r\n"
        case .multiStatus: "207 Multi-Status\r\n"
        case .notModified: "304 Not Modified\r\n"
        case .permanentRedirect: "308 Permanent Redirect\r\n"
        case .badRequest: "400 Bad Request\r\n"
        case .forbidden: "403 Forbidden\r\n"
        case .notFound: "404 Not Found\r\n"
        case .methodNotAllowed: "405 Method Not Allowed\r\n"
        case .requestTimeout: "408 Request Timeout\r\n"
        case .conflict: "409 Conflict\r\n"
        case .lengthRequired: "411 Length Required\r\n"
        case .preconditionFailed: "412 Precondition Failed\r\n"
        case .contentTooLarge: "413 Content Too Large\r\n"
        case .uriTooLong: "414 URI Too Long\r\n"
        case .unsupportedMediaType: "415 Unsupported Media Type\r\n"
        case .rangeNotSatisfiable: "416 Range Not Satisfiable\r\n"
        case .expectationFailed: "417 Expectation Failed\r\n"
        case .unprocessable: "422 Unprocessable Content\r\n"
        case .locked: "423 Locked\r\n"
        case .failedDependency: "424 Failed Dependency\r\n"
        case .headerTooLarge: "431 Request Header Fields Too Large\r\n"
        case .internalError: "500 Internal Server Error\r\n"
        case .notImplemented: "501 Not Implemented\r\n"
        case .badGateway: "502 Bad Gateway\r\n"
        case .unavailable: "503 Service Unavailable\r\n"
        case .gatewayTimeout: "504 Gateway Timeout\r\n"
        case .versionNotSupported: "505 HTTP Version Not Supported\r\n"
        case .insufficientStorage: "507 Insufficient Storage\r\n"
        }
    }
}

/// What is answered where a request cannot be served.
struct Problem: Error, Equatable, Sendable {
    var status: Status
    /// A stable word for programs.
    var code: String
    /// What happened, for people.
    var message: String
    /// What to do about it, for people; may be empty.
    var hint: String
    /// A condition failed, as far as holders are in reach: others may know of something newer.
    var isDecidedInReach = false
    /// Of WebDAV's rules the one that was broken: a body of XML says so.
    var condition: DAVCondition?

    init(_ status: Status, _ code: String, _ message: String, hint: String = "") {
        self.status = status
        self.code = code
        self.message = message
        self.hint = hint
    }
}
