/// The numbers of the wire, each with its reason.
package enum IPCLimits {
    /// The length field counts what follows it, so 16 bytes of header less its own 4 come first.
    package static let headerByteCount = 16

    /// The largest frame, header included: a page of a listing fits (512 KiB) with room, and a
    /// link never holds more than this for a half-arrived frame.
    package static let frameByteCountMax = 1 << 20

    /// What the length field may say at the most.
    package static let lengthMax = UInt32(frameByteCountMax - 4)

    /// Content up to this travels in a frame, larger content as a descriptor: one frame of it
    /// delays other requests of the link by some 20 microseconds, a descriptor costs about as much.
    package static let inlineContentByteCountMax = 64 << 10

    /// Bytes of one window of a content that the store reads for the gateway: some milliseconds of a
    /// disk, and two of them a transfer are what a slow client costs in memory.
    package static let windowByteCountMax: UInt32 = 1 << 20

    /// Requests that one side may have open at the other, unless the handshake says otherwise:
    /// enough to keep a store busy from one event loop, few enough that all of them with 64 KiB
    /// of content each stay below 64 MiB.
    package static let creditDefault: UInt32 = 1024

    /// More credit than this is refused as nonsense.
    package static let creditMax: UInt32 = 65_536

    /// Descriptors sent and not yet taken, per link. The kernel refuses more than RLIMIT_NOFILE in
    /// flight (ETOOMANYREFS); this stays far below it.
    package static let descriptorsInFlightMax = 64

    /// A longer text in a message (an error, a log line, a setting) is refused.
    package static let textByteCountMax = 8 << 10

    /// Entries of any list in a message that has no limit of its own.
    package static let listCountMax = 4096

    /// Entries of one page of a listing: with the longest names a page stays below 512 KiB.
    package static let listingPageCountMax = 1000

    /// Nodes that a listing names as holders of one entry: more copies than anybody keeps of a file
    /// without meaning "everywhere", and with the longest names a page stays below a frame.
    package static let listedHoldersMax = 32

    /// Versions of one path in one answer: all that are kept and all losers of conflicts, and the newest.
    package static let historyMax = 512

    /// Partitions of which the files are asked at once: a page of the store's answer about copies.
    package static let partitionFilesMax = 64

    /// Files that are named of one partition: a page for people; there are few in most.
    package static let partitionFileCountMax = 100

    /// Keys of the state in one answer: what people ask for at the most.
    package static let inspectedMax = 2000

    /// Events in one notice: with the longest paths it stays below half a frame.
    package static let eventsMax = 100

    /// Bytes of one page of a listing, where the store stops adding entries.
    package static let listingPageByteCountMax = 512 << 10

    /// Tags of one If-Match or If-None-Match; the gateway answers 400 to more.
    package static let entityTagCountMax = 64

    /// Tokens of locks that one write shows: as many as its holders look at
    /// (`ReplicationLimits.lockTokensMax`).
    package static let lockTokensMax = 64

    /// The owner that a client names in a lock (`ReplicationLimits.lockOwnerByteCountMax`).
    package static let lockOwnerByteCountMax = 1024

    /// Locks in one answer, those that cover a path and those in it: with the longest owners and paths of
    /// usual length it stays below half a frame. The store ends the answer sooner where they are longer.
    package static let locksMax = 256

    /// Where locks are that refuse a write, or what of a tree was not done: one is enough to be told, a
    /// client shows a few.
    package static let errorPathsMax = 16

    /// Paths of which the properties are asked at once: with 16 KiB each half a frame.
    package static let propertiesPathsMax = 32

    /// A content type that a client gave; longer ones are replaced by application/octet-stream.
    package static let contentTypeByteCountMax = 255

    /// Uploads that one gateway may have open: each holds a descriptor and a staging file.
    package static let uploadsMax = 512

    /// A part of a message between nodes: it leaves room in a frame for what stands before it, and a
    /// message in parts lets others in between.
    package static let peerPartByteCountMax = 512 << 10

    /// Addresses of one node: machines have a handful, with IPv6 and containers a dozen.
    package static let addressCountMax = 16

    /// Nodes that a gateway may stream a content from, in turn: as many copies as anybody keeps.
    package static let sourceCountMax = 16

    /// Nodes in one answer about the cluster; the store ends it sooner where they say much.
    package static let clusterNodesMax = 2000

    /// Nodes in one answer about a check of contents. What each of them lists is cut so that all of it takes half
    /// of a frame.
    package static let integrityNodesMax = 256

    /// Nodes in one notice of addresses: with all addresses of each it stays below a frame.
    package static let bookCountMax = 512

    /// The header of a sealed content (64 bytes), or its key (32).
    package static let sealingByteCountMax = 256

    /// Quotas in one answer: as many as there may be (`ClusterLimits.quotaCountMax`).
    package static let quotasMax = 16
}
