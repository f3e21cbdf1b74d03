/// The statuses that WebDAV's rules give (RFC 4918 section 11, RFC 9110 section 15).
package enum DAVStatus: Int, Hashable, Sendable, CaseIterable {
    case ok = 200
    case created = 201
    case noContent = 204
    case multiStatus = 207
    case badRequest = 400
    case forbidden = 403
    case notFound = 404
    case methodNotAllowed = 405
    case conflict = 409
    case lengthRequired = 411
    case preconditionFailed = 412
    case contentTooLarge = 413
    case unsupportedMediaType = 415
    case rangeNotSatisfiable = 416
    case unprocessable = 422
    case locked = 423
    case failedDependency = 424
    case internalError = 500
    case badGateway = 502
    case unavailable = 503
    case insufficientStorage = 507

    package var reason: String {
        switch self {
        case .ok: "OK"
        case .created: "Created"
        case .noContent: "No Content"
        case .multiStatus: "Multi-Status"
        case .badRequest: "Bad Request"
        case .forbidden: "Forbidden"
        case .notFound: "Not Found"
        case .methodNotAllowed: "Method Not Allowed"
        case .conflict: "Conflict"
        case .lengthRequired: "Length Required"
        case .preconditionFailed: "Precondition Failed"
        case .contentTooLarge: "Content Too Large"
        case .unsupportedMediaType: "Unsupported Media Type"
        case .rangeNotSatisfiable: "Range Not Satisfiable"
        case .unprocessable: "Unprocessable Content"
        case .locked: "Locked"
        case .failedDependency: "Failed Dependency"
        case .internalError: "Internal Server Error"
        case .badGateway: "Bad Gateway"
        case .unavailable: "Service Unavailable"
        case .insufficientStorage: "Insufficient Storage"
        }
    }
}

/// Why a request is refused: the status, and what stands in its body.
package struct DAVFault: Error, Hashable, Sendable {
    package var status: DAVStatus
    /// The element of RFC 4918 section 16 that says which rule was broken.
    package var condition: DAVCondition?
    /// What happened, for people.
    package var message: String

    package init(_ status: DAVStatus, _ message: String, condition: DAVCondition? = nil) {
        self.status = status
        self.condition = condition
        self.message = message
    }
}
