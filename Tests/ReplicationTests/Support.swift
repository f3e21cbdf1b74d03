import Model
import Replication

// Small names for what the tests talk about.

func disk(_ number: Int) -> DiskID {
    DiskID(bits: Bits128(high: UInt64(number) + 1, low: 7))
}

func dot(_ number: Int, _ sequence: UInt64) -> Dot {
    Dot(disk: disk(number), sequence: sequence)
}

func operation(_ number: UInt64) -> OperationID {
    OperationID(bits: Bits128(high: 1, low: number))
}

func path(_ text: String) -> StorePath {
    guard let path = try? StorePath(validating: Array(text.utf8)) else {
        preconditionFailure("no path: \(text)")
    }
    return path
}

/// A file whose content is told apart by `number`.
func file(_ number: UInt64) -> RegisterValue {
    guard
        let digest = Digest(bytes: [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: 32))
    else { preconditionFailure("no digest") }
    return .file(
        FileFacts(
            byteCount: number, digest: digest, contentType: "text/plain",
            created: Timestamp(nanoseconds: 0), modified: Timestamp(nanoseconds: 0),
            object: ObjectID(bits: Bits128(high: 0, low: number)),
            home: Partition(number: 0)))
}

func token(_ number: UInt64) -> LockToken { LockToken(bits: Bits128(high: 2, low: number)) }

/// An exclusive lock until `expires`, in milliseconds.
func lock(_ number: UInt64, expires: UInt64 = 60_000) -> Lock {
    Lock(
        token: token(number), owner: [], scope: .exclusive, depth: .zero, seconds: 60,
        expires: expires, fence: .zero)
}

func request(
    _ number: UInt64, _ scope: LockScope = .exclusive, _ depth: LockDepth = .zero,
    seconds: UInt32 = 60
) -> LockRequest {
    LockRequest(
        token: token(number), owner: Array("me".utf8), scope: scope, depth: depth,
        seconds: seconds)
}

/// As if all that the outbox has to say had been said.
func clearOutbox(of tables: inout MemoryTables) {
    let told = tables.execute(.outbox(after: nil, limit: 99), at: .zero).reply
    guard case .outbox(let items) = told else { return }
    _ = tables.execute(.outboxDone(items), at: .zero)
}

func node(_ name: String) -> NodeID {
    guard let node = NodeID(name) else { preconditionFailure("no node's name: \(name)") }
    return node
}
