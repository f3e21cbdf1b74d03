internal import Model
internal import Posix

/// A kind of storage: byte strings under object ids, which are random and never reused.
///
/// What the bytes are is none of its business: a layer above may have encrypted them. All methods may
/// be called from any thread at any time; what changes the disk is the keeper's.
protocol ContentStore: Sendable {
    /// The object's stored bytes; nil where there are none.
    /// - Throws: `ContentDamage` where something is there and is not what was stored.
    func open(_ object: ObjectID) throws -> StoredContent?

    /// Objects above `object` in the order of their ids, at most `limit`; fewer only at the end. The
    /// next page begins above the last one's.
    func list(after object: ObjectID?, limit: Int) throws -> [ListedObject]

    /// Names in the kind's folder that are none of its own, at most `limit`: somebody else put them there.
    func strangers(limit: Int) throws -> [String]

    /// What the keeper writes to make an object of an upload, in times of its size; 0 where it copies nothing.
    var copyFactor: UInt64 { get }

    /// What the housekeeper does it with: once, and on its thread alone.
    func makeKeeper() throws -> any ContentKeeper

    /// At a start, before anybody reads: makes an object of a committed upload where that takes no
    /// copying.
    /// - Returns: false where the keeper will copy it; until then the staging file is read.
    func recover(_ staged: BytePath, as object: ObjectID) throws -> Bool
}

extension ContentStore {
    var copyFactor: UInt64 { 1 }
    var copiesUploads: Bool { copyFactor > 0 }

    func recover(_ staged: BytePath, as object: ObjectID) throws -> Bool { false }
}

/// An object that is stored.
struct ListedObject: Hashable, Sendable {
    var object: ObjectID
    /// Of the stored bytes.
    var byteCount: UInt64
    /// The time that it was given.
    var modified: Timestamp
}

/// An object to be stored.
struct NewObject: Sendable {
    var object: ObjectID
    var modified: Timestamp
    var bytes: [UInt8]
}

/// The side of a kind of storage that changes it, on the housekeeper's thread.
///
/// Nothing is durable, and readers may see nothing, before `sync`. Everything can be done twice: what is
/// stored anew replaces what is there, as nobody knows whether that is whole. What throws
/// `StorageObstacle` or `PosixError` has undone all since the last sync, or done it in part: it is done
/// again. Other errors end the process.
protocol ContentKeeper: AnyObject {
    func write(_ content: NewObject) throws

    /// Makes an object of a durable staging file of the directory, or a part of one where that takes
    /// copying: at most `budget` bytes, which are taken from it. The staging file is removed by the
    /// caller, once all is synced.
    /// - Returns: true when it is all there.
    func adopt(_ staged: BytePath, as object: ObjectID, budget: inout Int) throws -> Bool

    /// The same of a content of another kind of storage.
    func copy(
        _ content: StoredContent, as object: ObjectID, modified: Timestamp, budget: inout Int
    ) throws -> Bool

    /// Objects that are not there are left so.
    func remove(_ object: ObjectID) throws

    /// Keeps apart what was found not to be what was stored, where a kind has files of their own for that:
    /// it may be somebody's work. Others leave it where it is, until something better replaces it.
    func quarantine(_ object: ObjectID) throws

    /// All that was done before is durable after it.
    func sync() throws

    /// Whether `maintain` has something to do.
    var needsMaintenance: Bool { get }

    /// A bounded step of putting the disk in order, durable at its end. Between rounds only: nothing
    /// waits for a sync.
    func maintain() throws
}

extension ContentKeeper {
    func quarantine(_ object: ObjectID) throws {}

    var needsMaintenance: Bool { false }
    func maintain() throws {}
}
