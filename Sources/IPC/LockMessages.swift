package import Model

/// `lock`: takes a lock, or is told that it is taken already under its token. Answered by `HeldLock`,
/// when a majority of those that hold the path have it durably.
///
/// Nothing need be at the path: who wants a file there makes it then, under the lock (RFC 4918 section
/// 7.3).
package struct LockMessage: Message {
    package var operation: OperationID
    package var path: StorePath
    /// Made at random by the gateway, once for each request of a client.
    package var token: LockToken
    /// At most `IPCLimits.lockOwnerByteCountMax` bytes of the client's own.
    package var owner: [UInt8]
    package var scope: LockScope
    package var depth: LockDepth
    /// How long without a refresh; what is granted may be less.
    package var seconds: UInt32

    package init(
        operation: OperationID, path: StorePath, token: LockToken, owner: [UInt8],
        scope: LockScope, depth: LockDepth, seconds: UInt32
    ) {
        self.operation = operation
        self.path = path
        self.token = token
        self.owner = owner
        self.scope = scope
        self.depth = depth
        self.seconds = seconds
    }

    package func encode(into writer: inout ByteWriter) {
        writer.write(operation)
        writer.write(path)
        writer.write(token)
        writer.writeRun(owner)
        writer.write(scope.rawValue)
        writer.write(depth.rawValue)
        writer.write(seconds)
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        operation = try reader.readIdentifier()
        path = try reader.readPath()
        token = try reader.readIdentifier()
        owner = try reader.readRun(max: IPCLimits.lockOwnerByteCountMax)
        scope = try reader.readLockScope()
        depth = try reader.readLockDepth()
        seconds = try reader.readUInt32()
    }
}

/// `refreshLock`: lets a lock go on, counted from now. Answered by `HeldLock`.
package struct RefreshLockMessage: Message {
    package var operation: OperationID
    /// Where the lock was taken: `HeldLock.root`.
    package var path: StorePath
    package var token: LockToken
    package var seconds: UInt32

    package init(operation: OperationID, path: StorePath, token: LockToken, seconds: UInt32) {
        self.operation = operation
        self.path = path
        self.token = token
        self.seconds = seconds
    }

    package func encode(into writer: inout ByteWriter) {
        writer.write(operation)
        writer.write(path)
        writer.write(token)
        writer.write(seconds)
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        operation = try reader.readIdentifier()
        path = try reader.readPath()
        token = try reader.readIdentifier()
        seconds = try reader.readUInt32()
    }
}

/// `unlock`; answered by `Empty`.
package struct UnlockMessage: Message {
    package var operation: OperationID
    /// Where the lock was taken: `HeldLock.root`.
    package var path: StorePath
    package var token: LockToken

    package init(operation: OperationID, path: StorePath, token: LockToken) {
        self.operation = operation
        self.path = path
        self.token = token
    }

    package func encode(into writer: inout ByteWriter) {
        writer.write(operation)
        writer.write(path)
        writer.write(token)
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        operation = try reader.readIdentifier()
        path = try reader.readPath()
        token = try reader.readIdentifier()
    }
}

/// `locks`: those that cover a path, the path's own first and then those of the directories above.
package struct LocksRequest: Message {
    package enum Reach: UInt8, Sendable {
        case path = 0
        /// And then all that were taken below it.
        case below = 1
        /// And then those of the names in it.
        case members = 2
    }

    package var path: StorePath
    package var reach: Reach

    package init(path: StorePath, _ reach: Reach) {
        self.path = path
        self.reach = reach
    }

    package init(path: StorePath, below: Bool) { self.init(path: path, below ? .below : .path) }

    package func encode(into writer: inout ByteWriter) {
        writer.write(path)
        writer.write(reach.rawValue)
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        path = try reader.readPath()
        guard let reach = Reach(rawValue: try reader.readUInt8()) else { throw .invalid("reach") }
        self.reach = reach
    }
}

/// A lock, as its node sees it now.
package struct HeldLock: Message {
    /// Where it was taken.
    package var root: StorePath
    package var token: LockToken
    package var owner: [UInt8]
    package var scope: LockScope
    package var depth: LockDepth
    /// As granted.
    package var seconds: UInt32
    /// Left of it, rounded up, by the clock of the node that answers: at least 1, since a lock counts for
    /// some time after it, in case clocks differ.
    package var secondsLeft: UInt32

    package init(
        root: StorePath, token: LockToken, owner: [UInt8], scope: LockScope, depth: LockDepth,
        seconds: UInt32, secondsLeft: UInt32
    ) {
        self.root = root
        self.token = token
        self.owner = owner
        self.scope = scope
        self.depth = depth
        self.seconds = seconds
        self.secondsLeft = secondsLeft
    }

    package func encode(into writer: inout ByteWriter) {
        writer.write(root)
        writer.write(token)
        writer.writeRun(owner)
        writer.write(scope.rawValue)
        writer.write(depth.rawValue)
        writer.write(seconds)
        writer.write(secondsLeft)
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        root = try reader.readPath()
        token = try reader.readIdentifier()
        owner = try reader.readRun(max: IPCLimits.lockOwnerByteCountMax)
        scope = try reader.readLockScope()
        depth = try reader.readLockDepth()
        seconds = try reader.readUInt32()
        secondsLeft = try reader.readUInt32()
    }
}

/// The answer to `locks`.
package struct LocksResponse: Message {
    /// At most `IPCLimits.locksMax`.
    package var locks: [HeldLock]
    /// Whether these are all: of more than fit, or more below than are looked at, some are told.
    package var isComplete: Bool

    package init(locks: [HeldLock], isComplete: Bool) {
        self.locks = locks
        self.isComplete = isComplete
    }

    package func encode(into writer: inout ByteWriter) {
        precondition(locks.count <= IPCLimits.locksMax, "too many locks in one answer")
        writer.write(UInt16(locks.count))
        for lock in locks { lock.encode(into: &writer) }
        writer.write(isComplete)
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        let count = Int(try reader.readUInt16())
        guard count <= IPCLimits.locksMax else { throw .invalid("count") }
        locks = []
        for _ in 0..<count { locks.append(try HeldLock(from: &reader)) }
        isComplete = try reader.readBool()
    }
}

extension ByteReader {
    fileprivate mutating func readLockScope() throws(DecodeError) -> LockScope {
        guard let scope = LockScope(rawValue: try readUInt8()) else { throw .invalid("scope") }
        return scope
    }

    fileprivate mutating func readLockDepth() throws(DecodeError) -> LockDepth {
        guard let depth = LockDepth(rawValue: try readUInt8()) else { throw .invalid("depth") }
        return depth
    }
}
