import Model
import Replication

// Clients' requests and answers as nodes forward them. Only what a holder coordinates is forwarded;
// the rest any node does itself, and it has no bytes.
extension ClientRequest {
    /// - Returns: whether the request may travel.
    func encode(into writer: inout ByteWriter) -> Bool {
        switch self {
        case .showing(let request, let guarding):
            if case .showing = request { return false }
            writer.write(UInt8(1))
            writer.write(guarding)
            return request.encode(into: &writer)
        case .put(let path, let content, let condition, let operation):
            writer.write(UInt8(2))
            writer.write(path)
            writer.write(content)
            writer.write(condition)
            writer.write(operation)
        case .delete(let path, let condition, let operation):
            writer.write(UInt8(3))
            writer.write(path)
            writer.write(condition)
            writer.write(operation)
        case .place(let path, let facts, let condition, let operation, let move):
            writer.write(UInt8(move != nil ? 9 : condition == .none ? 4 : 8))
            writer.write(path)
            writer.write(facts)
            if move != nil || condition != .none { writer.write(condition) }
            writer.write(operation)
            move?.encode(into: &writer)
        case .makeDirectory(let path, let operation):
            writer.write(UInt8(5))
            writer.write(path)
            writer.write(operation)
        case .removeDirectory(let path, let operation):
            writer.write(UInt8(6))
            writer.write(path)
            writer.write(operation)
        case .changeLocks(let path, let change, let operation):
            writer.write(UInt8(7))
            writer.write(path)
            writer.write(change)
            writer.write(operation)
        case .describe(let path, let value, let condition, let operation):
            writer.write(UInt8(10))
            writer.write(path)
            writer.write(value)
            writer.write(condition)
            writer.write(operation)
        case .get, .list, .move, .copy, .history, .restore, .purge, .lock, .refreshLock, .unlock,
            .locks, .mark,
            .guarded, .lockSet, .clearTraces,
            .setSetting, .setReplicationFactor, .leave, .cancelLeave, .takeOut, .joinCluster:
            return false
        }
        return true
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        let kind = try reader.readUInt8()
        guard kind == 1 else {
            self = try Self.decode(kind, &reader)
            return
        }
        let guarding: LockGuard = try reader.read()
        self = .showing(try Self.decode(try reader.readUInt8(), &reader), guarding)
    }

    private static func decode(
        _ kind: UInt8, _ reader: inout ByteReader
    ) throws(DecodeError) -> ClientRequest {
        switch kind {
        case 2:
            return .put(
                try reader.read(), try reader.read(), try reader.read(),
                try reader.readIdentifier())
        case 3:
            return .delete(try reader.read(), try reader.read(), try reader.readIdentifier())
        case 4: return .place(try reader.read(), try reader.read(), try reader.readIdentifier())
        case 5: return .makeDirectory(try reader.read(), try reader.readIdentifier())
        case 6: return .removeDirectory(try reader.read(), try reader.readIdentifier())
        case 7:
            return .changeLocks(
                try reader.read(), try reader.read(), try reader.readIdentifier())
        case 8:
            return .place(
                try reader.read(), try reader.read(), when: try reader.read(),
                try reader.readIdentifier())
        case 9:
            let path: StorePath = try reader.read()
            return .place(
                path, try reader.read(), when: try reader.read(), try reader.readIdentifier(),
                move: try MoveIntent(to: path, from: &reader))
        case 10:
            let path: StorePath = try reader.read()
            let value: RegisterValue = try reader.read()
            guard value.isMark || value.facts != nil else { throw .invalid("described value") }
            return .describe(
                path, value, when: try reader.read(), try reader.readIdentifier())
        default: throw .unknown("client request")
        }
    }
}

extension ClientAnswer {
    /// - Returns: whether the answer may travel: it is one to what is forwarded.
    func encode(into writer: inout ByteWriter) -> Bool {
        switch self {
        case .written(let version, let copies, let created, let listingPending, let exact):
            writer.write(UInt8(1))
            writer.write(version)
            writer.write(UInt32(clamping: copies))
            writer.write(created)
            writer.write(listingPending)
            writer.write(exact)
        case .notFound: writer.write(UInt8(2))
        case .conditionFailed(let exact):
            writer.write(UInt8(3))
            writer.write(exact)
        case .directoryNotEmpty: writer.write(UInt8(4))
        case .notADirectory: writer.write(UInt8(5))
        case .locked(let locks):
            writer.write(UInt8(6))
            writer.write(locks)
        case .lockDecision(let decision, let copies, let exact):
            writer.write(UInt8(7))
            writer.write(decision)
            writer.write(UInt32(clamping: copies))
            writer.write(exact)
        case .unavailable(let reason):
            writer.write(UInt8(8))
            writer.write(reason.wireNumber)
        case .done: writer.write(UInt8(9))
        case .isDirectory: writer.write(UInt8(10))
        case .file, .history, .mark, .listing, .lockGranted, .unlocked, .locks, .lockNotFound,
            .tooManyLocks,
            .lockSet, .refused:
            return false
        }
        return true
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        switch try reader.readUInt8() {
        case 1:
            self = .written(
                try reader.read(), copies: Int(try reader.readUInt32()),
                created: try reader.readBool(), listingPending: try reader.readBool(),
                exact: try reader.readBool())
        case 2: self = .notFound
        case 3: self = .conditionFailed(exact: try reader.readBool())
        case 4: self = .directoryNotEmpty
        case 5: self = .notADirectory
        case 6: self = .locked(try reader.readList())
        case 7:
            self = .lockDecision(
                try reader.read(), copies: Int(try reader.readUInt32()),
                exact: try reader.readBool())
        case 8:
            guard let reason = UnavailableReason(wireNumber: try reader.readUInt8()) else {
                throw .unknown("reason")
            }
            self = .unavailable(reason)
        case 9: self = .done
        case 10: self = .isDirectory
        default: throw .unknown("client answer")
        }
    }
}

extension UnavailableReason {
    fileprivate var wireNumber: UInt8 {
        switch self {
        case .noQuorum: 1
        case .timedOut: 2
        case .clockInDoubt: 3
        case .full: 4
        case .notReady: 5
        case .contended: 6
        case .hasLeft: 7
        }
    }

    fileprivate init?(wireNumber: UInt8) {
        switch wireNumber {
        case 1: self = .noQuorum
        case 2: self = .timedOut
        case 3: self = .clockInDoubt
        case 4: self = .full
        case 5: self = .notReady
        case 6: self = .contended
        case 7: self = .hasLeft
        default: return nil
        }
    }
}
