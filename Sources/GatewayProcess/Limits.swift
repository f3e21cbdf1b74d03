/// The numbers of the gateway, each with its reason. Those that a configuration may change are
/// defaults of `GatewaySettings`.
enum GatewayLimits {
    // MARK: A request's head

    /// A longer request line answers 414. The longest path (4096 bytes) fits while two thirds of its
    /// bytes need no percent encoding; more than that few clients and proxies would send.
    static let requestLineByteCountMax = 8 << 10
    /// All of the head; above it the answer is 431.
    static let headByteCountMax = 32 << 10
    /// Fields of a head; browsers send some 20.
    static let fieldCountMax = 100
    /// Empty lines before a request line, which old clients send after a body (RFC 9112, 2.2).
    static let leadingEmptyLinesMax = 2
    /// A chunk's size with its extensions, which nobody uses.
    static let chunkLineByteCountMax = 256
    /// Trailer fields are read and dropped.
    static let trailerByteCountMax = 8 << 10

    // MARK: Connections

    /// Bytes kept of requests that came before the one in work was answered. Reading stops there,
    /// so pipelining cannot grow memory; it is enough for some hundred small requests.
    static let pipelinedByteCountMax = 16 << 10
    /// One read of a socket takes from the least up to the most of these: the most is what lets an
    /// upload go at the speed of the disk, and it is returned as soon as the bytes are written.
    static let readByteCountMin = 1 << 10
    static let readByteCountFirst = 4 << 10
    static let readByteCountMax = 256 << 10
    /// A rest of a body that nobody wants is read to its end where it is this short, so that the
    /// connection can be kept; else the connection closes after the answer.
    static let discardByteCountMax: UInt64 = 64 << 10
    /// After an answer to a client that is still sending: what it sends is read and dropped for so
    /// long and so many bytes, since closing at once would reset the connection before the client
    /// has read the answer.
    static let lingerSeconds: Int64 = 10
    static let lingerByteCountMax = 256 << 20
    /// A body, or an answer, that does not move for this long is given up.
    static let progressSeconds: Int64 = 60
    /// Bytes that wait for a slow client, above which nothing more is produced for it.
    static let writeBufferHigh = 256 << 10
    static let writeBufferLow = 64 << 10

    // MARK: Content

    /// What of a whole content may be with the client, or on its way, before it is in the digest: enough for the
    /// network while a thread of the pool hashes.
    static let unverifiedByteCountMax = 16 << 20

    /// The same of all answers together, of what lies in memory: threads hash one piece each at a time, and
    /// sixteen answers as far ahead as they may be keep any number of threads busy. Beyond it each has one
    /// piece, and the next one when that is in its digest.
    static let unverifiedByteCountSumMax = 256 << 20

    /// How long a file counts as verified that did not change, and how many such: some 200 bytes each.
    static let verifiedSeconds: Int64 = 600
    static let verifiedFilesMax = 16_384

    /// How often a check of all nodes' contents is asked for how far it is.
    static let integrityPollMilliseconds: Int64 = 500

    /// Windows of a content that wait for a client: one, and one more is on its way.
    static let windowsAheadMax = 1

    /// The first window of a transfer: most of what people look at needs few of them.
    static let windowByteCountFirst: UInt64 = 256 << 10

    /// The windows of a client that takes more than a second for each.
    static let windowByteCountMin: UInt64 = 64 << 10

    /// Content goes out in regions, one at a time, so that no client holds the loop. A region
    /// grows while the client keeps up, and shrinks where it takes long, so that progress is seen.
    static let regionByteCountMin = 64 << 10
    static let regionByteCountMax = 4 << 20
    /// A fast client that takes everything at once still leaves the loop to others after this much,
    /// which takes some milliseconds.
    static let turnByteCountMax = 8 << 20
    /// Ranges of one request; above it the whole is answered, as RFC 9110, section 14.2, allows.
    static let rangeCountMax = 32
    /// Bytes of one upload that are received and not yet written: reading pauses above it.
    static let uploadOutstandingByteCountMax = 1 << 20
    /// An upload's bytes go to a thread in pieces of about this size.
    static let uploadPieceByteCount = 256 << 10
    /// Threads that hash and write uploads and read cold content ahead; as many as cores to use,
    /// so that the loops are not starved.
    static let poolThreadCount = 2
    /// Entries of a listing when none are asked for, and the most.
    static let listingLimitDefault = 1000
    static let listingLimitMax = 10_000
    /// Members of a collection are written as XML until there are this many bytes: what one has may be more,
    /// by its properties and by what it lacks.
    static let membersByteCount = 64 << 10
    /// How often, and how many seconds apart, a lock is given back that nobody will hear of: for as long as
    /// a request waits for the store, which may still be granting it.
    static let lockReturnAttemptsMax = 5
    static let lockReturnSeconds: Int64 = 5
    /// How often properties are changed anew that others changed in between.
    static let propertyAttemptsMax = 4
    /// Entries of the trash when no number is asked for.
    static let trashLimitDefault = 100
    /// Entries of the root that the start page shows.
    static let homeEntryCountMax = 100

    // MARK: The store

    /// How long a request waits for the store, through its restarts. Above the longest restart
    /// (a drain of 10 s) and below what clients wait.
    static let storeWaitSeconds: Int64 = 20
    /// A commit syncs up to the whole of a large file, which a slow disk does in minutes.
    static let commitWaitSeconds: Int64 = 120
    /// A tree that is deleted is many writes; the client waits for the last one, and what is done by then stays
    /// done.
    static let treeWaitSeconds: Int64 = 600
    /// What is moved or copied may have to be brought to other nodes, which takes as long as its bytes. The store
    /// waits for nobody who is silent, and a store that hangs is ended by the supervisor: this is no more
    /// than an end to everything.
    static let transferWaitSeconds: Int64 = 86_400
    /// Probes (`/readyz`, `/status`) ask whether the store answers now.
    static let probeWaitSeconds: Int64 = 2
    /// Requests of one loop that wait for a store or for credit; more are answered 503. With 64 KiB
    /// of content each they stay below 256 MiB.
    static let waitingCallsMax = 4096
    static let reconnectMillisecondsMin: Int64 = 10
    static let reconnectMillisecondsMax: Int64 = 500
    /// How often deadlines of store requests are looked at; they are in seconds.
    static let expiryMilliseconds: Int64 = 250

    // MARK: The cluster's routes

    /// A body that is JSON: what a person or a script asks for.
    static let jsonBodyByteCountMax = 64 << 10
    /// Partitions in one answer of `/api/under-replicated` when none are asked for, and the most:
    /// ten pages of the store.
    static let partitionLimitDefault = 100
    static let partitionLimitMax = 500
    /// Pages of the store that are counted for `/status`: beyond some hundred, what counts is that
    /// there are many.
    static let countedPagesMax = 4
    /// How long such a count is told again at least: pages in browsers ask every second.
    static let countAgeMin: Int64 = 2
    /// The store looks at all of its partitions to answer: for no more than this part of the time.
    static let countTimeShare: Int64 = 20

    /// Clients of one event loop that watch: each holds a connection for ever.
    static let eventClientsMax = 64
    /// Bytes of events that wait for a client that does not read; beyond, it loses them.
    static let eventByteCountMax = 256 << 10
    /// Below what proxies and routers take for a dead connection.
    static let eventKeepAliveSeconds: Int64 = 15
    /// Keys of the state in one answer when none are asked for.
    static let inspectedDefault: UInt32 = 100
    /// A disk is said to be nearly full below this part of it, and below this many bytes whatever its
    /// size: some minutes of uploads are left.
    static let diskLowPercent: UInt64 = 3
    static let diskLowByteCount: UInt64 = 256 << 20
    /// What peers were refused for is of interest for so long: they try again every few seconds.
    static let incidentAgeSeconds: Int64 = 600
    /// Workers are called by short words; a longer one in a path names none.
    static let workerNameByteCountMax = 32
    /// Above the 90 s after which the supervisor itself answers, for each of two workers.
    static let restartWaitSeconds: Int64 = 200

    // MARK: Peers

    /// Bytes for the store that it has not read, above which what peers send is dropped: two of the
    /// largest messages, which a store that serves reads in milliseconds.
    static let peerUpwardByteCountMax = 16 << 20
    /// The largest datagram of peers with room for others' nonsense, which is cut and then refused.
    static let peerDatagramByteCountMax = 16 << 10
    /// Datagrams of one turn of the loop.
    static let peerDatagramsPerRead = 32
    /// A connection of a peer is read in pieces of up to this: half a part.
    static let peerReadByteCountMax = 256 << 10
    /// What a stranger may send before the end of TLS's handshake: two messages of some hundred bytes
    /// each, and room for what clients of other kinds offer.
    static let peerHandshakeByteCountMax = 16 << 10
    /// A connection that is closed keeps its last bytes for so long.
    static let peerCloseMilliseconds: Int64 = 1_000
    /// A UDP socket that failed is read again after this.
    static let peerReopenMilliseconds: Int64 = 1_000
    /// A kernel's connect goes on after the core has given the dial up, and is ended here.
    static let peerConnectSeconds: Int64 = 5
    /// How often it is looked whether this machine has other addresses: as often as it is announced.
    static let peerAddressSeconds: Int64 = 5
    /// Links are left within `PeeringLimits.leaveMax`; this is said of those that hang.
    static let peerDrainSeconds: Int64 = 6
    /// Where the whole node stops, a peer that does not answer keeps it no longer.
    static let peerStopSeconds: Int64 = 1
    /// While draining, how long it is awaited that the supervisor says whether the whole node stops.
    static let successorMilliseconds: Int64 = 100

    // MARK: Leaving

    /// While draining, a connection without a request is closed after this long: a client under
    /// load sends its next request sooner, and is answered with `Connection: close`.
    static let drainIdleSeconds: Int64 = 3
    /// What clients are told to wait at a 503.
    static let retryAfterSeconds = 1

    // MARK: Contents of other nodes

    /// Connections of one loop over which contents are fetched: as many as another gateway serves at
    /// a time. Beyond, who asks is told to ask again.
    static let bulkConnectionsMax = 64
    /// Connections to one node that are kept for the next fetch, and for how long.
    static let bulkIdleMax = 2
    static let bulkIdleSeconds: Int64 = 20
    /// A connect within a network of people takes milliseconds.
    static let bulkConnectSeconds: Int64 = 3
    /// A node that sends nothing for so long is left for the next one: below what a client waits.
    static let bulkSilenceSeconds: Int64 = 5
    /// How long the store may take to open a content for a peer.
    static let bulkOpenSeconds: Int64 = 4
    /// A peer that takes nothing for so long is gone; and one that asks for nothing.
    static let bulkStallSeconds: Int64 = 30
    static let bulkUnusedSeconds: Int64 = 60
    /// The store hears how far a fetch is after so many bytes, or so much time: often enough that it
    /// does not take the node for silent, and that the digest is taken while more comes.
    static let bulkToldByteCount: UInt64 = 4 << 20
    static let bulkToldMilliseconds: Int64 = 500
    /// What is held of a content that passes through to a client: enough to keep both sides busy.
    static let remoteHeldByteCountMax = 1 << 20
    /// How often all who have a content are tried for a client, and the wait before each further round.
    static let remoteRoundsMax = 3
    static let remoteDelayMilliseconds: Int64 = 200
}
