import IPC
import Model

// What clients lock, and say of files.
extension Samples {
    static let token = LockToken(bits: Bits128(high: 3, low: 4))

    static var held: HeldLock {
        HeldLock(
            root: path("/a"), token: token, owner: [0x3C, 0x61, 0x3E], scope: .shared,
            depth: .infinity, seconds: 600, secondsLeft: 599)
    }

    private static var lockedError: RemoteError {
        var error = RemoteError(.locked, "a lock is in the way", hint: "wait")
        error.paths = [path("/a"), path("/b/c")]
        return error
    }

    private static var memberError: RemoteError {
        var error = RemoteError(.quotaExceeded, "no room", hint: "make some")
        error.paths = [path("/a/b")]
        return error
    }

    private static var guarded: WriteConditions {
        var conditions = conditions
        conditions.tokens = [token, LockToken(bits: Bits128(high: 5, low: 6))]
        return conditions
    }

    private static var guardedWrite: WriteRequest {
        var write = write
        write.conditions = guarded
        return write
    }

    private static func described(_ properties: FileProperties) -> FileFacts {
        var facts = facts
        facts.properties = properties
        return facts
    }

    private static var describedLookup: LookupRequest {
        var request = LookupRequest(path: path("/a"), .holders, version: dot)
        request.wantsProperties = true
        return request
    }

    static var locks: [(String, any Message)] {
        [
            (
                "lock",
                LockMessage(
                    operation: operation, path: path("/a"), token: token, owner: [1, 2],
                    scope: .exclusive, depth: .zero, seconds: 3600)
            ),
            (
                "refresh-lock",
                RefreshLockMessage(
                    operation: operation, path: path("/a"), token: token, seconds: 60)
            ),
            ("unlock", UnlockMessage(operation: operation, path: path("/a"), token: token)),
            ("locks", LocksRequest(path: path("/a"), .below)),
            ("locks-members", LocksRequest(path: path("/a"), .members)),
            ("held-lock", held),
            ("locks-are", LocksResponse(locks: [held], isComplete: true)),
            ("error-locked", lockedError),
            ("error-member", memberError),
            ("write-guarded", guardedWrite),
            ("put-guarded", PutRequest(write: guardedWrite, content: [7, 8, 9])),
            (
                "delete-guarded",
                DeleteRequest(
                    operation: operation, path: path("/c"),
                    conditions: WriteConditions(tokens: [token]), recursive: true,
                    directoryOnly: false)
            ),
            (
                "make-directory-guarded",
                MakeDirectoryRequest(operation: operation, path: path("/d"), tokens: [token])
            ),
            (
                "transfer-guarded",
                TransferRequest(
                    operation: operation, path: path("/a"),
                    kind: .move(to: path("/b"), overwrite: true), tokens: [token])
            ),
        ] + properties
    }

    private static var properties: [(String, any Message)] {
        [
            ("lookup-properties", describedLookup),
            ("lookup-file-described", LookupResponse.file(described(.bytes([1, 2, 3])))),
            (
                "list-properties",
                ListRequest(path: .root, after: [], limit: 50, wantsProperties: true)
            ),
            (
                "listing-described",
                ListResponse(
                    entries: [
                        .file(name: [0x66], described(.elsewhere)),
                        .file(name: [0x67], described(.bytes([9]))),
                    ], hasMore: false)
            ),
            ("properties", PropertiesRequest(paths: [path("/a"), .root])),
            ("properties-are", PropertiesResponse(properties: [[1, 2], []])),
            (
                "set-properties",
                SetPropertiesRequest(
                    operation: operation, path: path("/a"), seen: [1], properties: [2, 3],
                    conditions: guarded)
            ),
        ]
    }

    /// Of messages whose end may be left out: how much of them is a message, too.
    static let optionalTails: [String: Int] = [
        "make-directory-guarded": 1 + 16, "error-member": 1 + 4 + 4,
    ]
}
