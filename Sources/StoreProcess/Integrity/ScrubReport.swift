internal import Model
internal import Replication

/// A content that was found not to be what was stored.
struct FoundDamage: Hashable, Sendable {
    var file: ExpectedFile
    /// The versions of the path that have it.
    var dots: [Dot]
    /// Those of which a disk may lack the content without harm are not looked for elsewhere.
    var isNeeded: Bool
    var why: String
}

/// What a step of the scrub came to.
struct ScrubReport: Sendable {
    /// Files that are there now, by their paths.
    var fileCount: UInt64 = 0
    /// Of those: whose content was read and is good.
    var verifiedCount: UInt64 = 0
    /// Contents of the past, of versions that lost a conflict, and of what is not decided: read and good.
    var keptCount: UInt64 = 0
    var byteCount: UInt64 = 0
    /// Versions that were in quarantine already, or whose content did not come yet.
    var known: [DamagedVersions] = []
    /// Contents that could not be read, for a reason that says nothing of them.
    var unreadCount: UInt64 = 0
    var views = ViewReport()
    /// Things in the directory that nothing of the store names.
    var strays: [String] = []
    var strayCount: UInt64 = 0

    mutating func addStray(_ name: String) {
        strayCount += 1
        if strays.count < StoreLimits.scrubNamesMax { strays.append(name) }
    }
}

/// What somebody did to the view for people.
struct ViewReport: Sendable {
    /// Shown no more: they are shown again.
    var removed: [StorePath] = []
    /// Something else has the name.
    var replaced: [StorePath] = []
}

/// How far a pass of the scrub is.
enum ScrubPlace: Hashable, Sendable {
    /// Behind this partition.
    case partitions(after: Partition?)
    /// Behind this stored object: those that nothing names are looked for.
    case objects(after: ObjectID?)
    /// Names in the folders of the directory.
    case folders
    /// All is looked at; what is damaged is fetched from others.
    case repairs
    case done
}
