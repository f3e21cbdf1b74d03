internal import IPC
internal import Model
internal import WebDAV

/// What the head of a WebDAV request says, checked: what is wrong with it alone is refused here.
struct DAVRequest: Equatable {
    struct Destination: Equatable {
        var path: StorePath
        var overwrites: Bool
    }

    enum Action: Equatable {
        /// GET, HEAD.
        case get
        case put
        /// PATCH; or a PUT with Content-Range, which may make the file.
        case write(PartialWrite, creates: Bool)
        case delete
        case makeCollection
        case propfind(Depth)
        case proppatch
        case copy(Depth, Destination)
        case move(Destination)
        case lock(Depth, seconds: UInt32)
        case unlock(StateToken)
    }

    var action: Action
    var tree: ServedTree
    var path: StorePath
    /// The path has a slash at its end: a collection is meant.
    var isCollection: Bool
    var ifHeader: IfHeader?
    var conditions: WriteConditions
    var hasBody: Bool

    /// - Parameters:
    ///   - base: the directory that is served.
    ///   - presentYear: dates with two digits of the year are read by it.
    /// - Throws: 405 for a method that WebDAV does not have.
    init(_ head: RequestHead, base: StorePath, presentYear: Int) throws(Problem) {
        let fields = head.fields
        tree = ServedTree(
            base: base, isBelowPrefix: ServedTree.hasPrefix(head.path),
            authority: fields[.host].map { [UInt8]($0) })
        hasBody = head.framing != .none && head.framing != .length(0)
        conditions = try WriteConditions(fields, presentYear: presentYear)
        do throws(DAVFault) {
            let address = try tree.address(ofPath: head.path[...])
            (path, isCollection) = (address.path, address.isCollection)
            action = try DAVRequest.action(head, tree)
            if let field = fields[.ifStates] { ifHeader = try IfHeader(field: field, in: tree) }
        } catch {
            throw Problem(error)
        }
    }

    private static func action(
        _ head: RequestHead, _ tree: ServedTree
    ) throws(DAVFault) -> Action {
        let fields = head.fields
        func depth(_ method: Depth.Method) throws(DAVFault) -> Depth {
            try Depth(field: fields[.depth], of: method)
        }
        func destination() throws(DAVFault) -> Destination {
            Destination(
                path: try tree.destination(field: fields[.destination]).path,
                overwrites: try Overwrite.isAllowed(field: fields[.overwrite]))
        }
        switch head.method {
        case .get, .head: return .get
        case .put: return try put(head)
        case .patch: return try patch(head)
        case .delete:
            _ = try depth(.delete)
            return .delete
        case .webDAV(.propfind): return .propfind(try depth(.propfind))
        case .webDAV(.proppatch): return .proppatch
        case .webDAV(.mkcol): return .makeCollection
        case .webDAV(.copy): return .copy(try depth(.copy), try destination())
        case .webDAV(.move):
            _ = try depth(.move)
            return .move(try destination())
        case .webDAV(.lock):
            let seconds = LockTimeout.granted(field: fields[.timeout])
            return .lock(try depth(.lock), seconds: seconds)
        case .webDAV(.unlock): return .unlock(try StateToken(lockTokenField: fields[.lockToken]))
        case .post, .options, .other:
            throw DAVFault(.methodNotAllowed, "The method means nothing here.")
        }
    }

    private static func put(_ head: RequestHead) throws(DAVFault) -> Action {
        let ranges = head.fields.all(.contentRange)
        guard let range = ranges.first else { return .put }
        guard ranges.count == 1 else {
            throw DAVFault(.badRequest, "There is more than one Content-Range.")
        }
        let write = try PartialWrite(
            contentRange: range, bodyByteCount: head.framing.announcedByteCount)
        return .write(write, creates: true)
    }

    private static func patch(_ head: RequestHead) throws(DAVFault) -> Action {
        let fields = head.fields
        guard PartialWrite.isPatch(contentType: fields[.contentType]) else {
            throw DAVFault(
                .unsupportedMediaType,
                "A PATCH has the Content-Type \(PartialWrite.patchContentType).")
        }
        guard fields.all(.updateRange).count <= 1, !fields.contains(.contentRange) else {
            throw DAVFault(.badRequest, "A PATCH has one X-Update-Range, and no Content-Range.")
        }
        let write = try PartialWrite(
            updateRange: fields[.updateRange], bodyByteCount: head.framing.announcedByteCount)
        return .write(write, creates: false)
    }

    /// As a client names the resource.
    func href(_ isCollection: Bool) -> [UInt8] { tree.href(path, isCollection: isCollection) }

    // MARK: What has to be known first

    /// Paths of which a write has to know what is there.
    var paths: Set<StorePath> {
        var result: Set<StorePath> = [path]
        switch action {
        case .put, .write, .makeCollection, .lock:
            if let parent = path.parent { result.insert(parent) }
        case .copy(_, let destination), .move(let destination):
            result.insert(destination.path)
            if let parent = destination.path.parent { result.insert(parent) }
        case .get, .delete, .propfind, .proppatch, .unlock: break
        }
        return result.union(ifHeader?.resources(of: path) ?? [])
    }

    /// Whether it has to be known which locks there are. Most writes leave that to the store; but a header
    /// may ask, and what takes several steps must not begin where a later one is refused.
    var needsLocks: Bool {
        if let header = ifHeader, !header.tokens.isEmpty { return true }
        switch action {
        case .copy, .move, .lock: return true
        case .get, .put, .write, .delete, .makeCollection, .propfind, .proppatch, .unlock:
            return false
        }
    }

    /// Below these locks matter too.
    var lockedTrees: Set<StorePath> {
        switch action {
        case .delete: [path]
        case .copy(_, let destination): [destination.path]
        case .move(let destination): [path, destination.path]
        case .lock(let depth, _): depth == .infinity ? [path] : []
        case .get, .put, .write, .makeCollection, .propfind, .proppatch, .unlock: []
        }
    }

    /// What it changes, as far as locks protect that.
    ///
    /// - Parameter exists: whether there is something at the path.
    func lockedWrite(exists: Bool) -> LockedWrite? {
        switch action {
        case .put, .write: .put(path, exists: exists)
        case .delete: .delete(path)
        case .makeCollection: .mkcol(path)
        case .proppatch: .proppatch(path)
        case .copy(_, let destination): .copy(to: destination.path)
        case .move(let destination): .move(from: path, to: destination.path)
        case .lock: exists ? nil : .lockOfUnmapped(path)
        case .get, .propfind, .unlock: nil
        }
    }
}

extension Framing {
    /// What a Content-Length says.
    var announcedByteCount: UInt64? {
        switch self {
        case .length(let byteCount): byteCount
        case .none, .chunked: nil
        }
    }
}

extension Problem {
    /// What WebDAV's rules refuse.
    init(_ fault: DAVFault) {
        self.init(Status(fault.status), fault.condition?.name ?? "webdav", fault.message)
        condition = fault.condition
    }
}

extension Status {
    init(_ status: DAVStatus) {
        guard let known = Status(rawValue: status.rawValue) else {
            preconditionFailure("WebDAV has a status that the gateway lacks")
        }
        self = known
    }
}
