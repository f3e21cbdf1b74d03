/// The numbers of the store, each with its reason.
package enum StoreLimits {
    /// Properties in one page of a listing: with its names and facts, which take half a frame at the most,
    /// they stay below a frame, and there is room for one entry's at least.
    static let listedPropertiesByteCountMax = 256 << 10

    /// Paths and owners of locks in one answer: half a frame.
    static let locksByteCountMax = 512 << 10

    /// How often a write of properties is made anew, since its file was written meanwhile: each time
    /// somebody else made progress.
    static let describingAttemptsMax = 8

    // MARK: Writing

    /// Mutations of one transaction. A group pays one fsync; beyond this the fsync is no longer
    /// what a member of the group waits for, the other members are.
    static let groupCountMax = 256

    /// Rounds of answers to the brain within one transaction. A conditional write has up to six steps on the own
    /// disk (two questions about its path, promise, mint, confirm, entry), a plain one four, and each directory
    /// that it makes one; what came during the first rounds is to find its end too.
    static let aheadRoundsMax = 10

    /// How long the transaction waits for what follows from a round: the loop hears of it within some 20 µs,
    /// and a loop that is busy costs no more than a sync does.
    static let aheadWait = Duration.milliseconds(4)

    /// The brain is answered ahead while commits take less than this: what it says meanwhile waits for the commit,
    /// also the answer to a probe, for which a peer waits 200 ms (`MembershipLimits.probeTimeout`) before it asks others.
    static let aheadCommitMax = Duration.milliseconds(100)

    /// The brain is answered ahead of the sync while so many bytes are free above the reserve: a transaction
    /// that fails for want of room cannot be taken back once it was. More than everybody writes between two
    /// looks at the space.
    static let aheadByteCount: UInt64 = 512 << 20

    /// Bytes of content of one transaction, so that its pages stay within SQLite's cache.
    static let groupByteCountMax = 2 << 20

    /// Content that waits in rows to be written out as objects: bounds the database file and the
    /// work of a restart. At the limit writes wait.
    static let unwrittenByteCountMax = 64 << 20

    /// Rows that wait, for the same reason: files without bytes cost inodes all the same.
    static let unwrittenCountMax = 32_768

    /// Writes in a row whose small contents become objects of one directory: about a round's.
    static let shardRunCount: UInt64 = 1024

    /// How long a row rests before it is written out. A file that is overwritten within this time
    /// never becomes an object.
    static let writeOutDelay: Duration = .milliseconds(200)

    /// Content since the last write-out that starts the next one early: keeps it busy under load.
    static let writeOutByteCount = 4 << 20

    /// Mutations since the last write-out that start the next one early.
    static let writeOutCount = 1024

    /// Objects of one round of the write-out: with two reads of the directory each they take less
    /// than the delay, so a round's sync is shared by many and waits for few.
    static let roundCountMax = 1024

    /// Bytes of content of one round, which are in memory together.
    static let roundByteCountMax = 4 << 20

    /// How long the write-out rests when the disk refused it.
    static let housekeepingRetry: Duration = .seconds(1)

    /// Views that are tried again in each round that changes the view; the others wait for the next start. With
    /// three calls each they are no burden.
    static let obstructedViewsMax = 256

    /// Files of one transaction of a recursive deletion: others wait for it some 20 ms.
    static let deletionChunkCount = 500

    /// Contents of superseded versions that one transaction lets go: others wait for it some milliseconds.
    static let trimmedCountMax = 128

    /// Paths that may name one content for it to make way: beyond, it stays until its versions expire.
    static let sharedPathsMax = 64

    /// What is kept of the past makes way for so much above the reserve, so that writes find room without
    /// waiting: some seconds of a fast network.
    static let roomByteCount: UInt64 = 256 << 20

    /// How long a write waits for that before it is refused: a round of the housekeeper, and some.
    static let roomWait = Duration.seconds(5)

    /// Between two looks at what has to go; it takes a round of the housekeeper until the room is there.
    static let trimInterval = Duration.seconds(1)

    /// Bytes that stay free on the disk at least: SQLite needs some for deletions, and a file system
    /// without any behaves badly. Writes answer "no space" below it.
    static let freeByteCountReserve: UInt64 = 4 << 20

    /// Held back in a file of its own and let go when the disk is full, so that deletions have
    /// room for their log whatever else writes to the disk: some 300 commits without a checkpoint.
    static let ballastByteCount: UInt64 = 8 << 20

    /// The free space is asked for this often, and whenever a write failed for want of it.
    static let spaceCheckInterval: Duration = .milliseconds(100)

    /// Pages of 4 KiB in the write-ahead log at which it is copied into the database beside the
    /// writes: 8 MiB.
    static let checkpointPageCount: Int32 = 2048

    /// Pages at which the writer itself waits for that: 64 MiB bounds the disk that the log takes
    /// and the time that a restart needs to read it.
    static let checkpointPageCountMax: Int32 = 16_384

    /// A re-sent operation gets its first result at least this long.
    static let operationMillisecondsKept: UInt64 = 3_600_000

    /// Old operations removed at one time, when nothing else is to be done.
    static let operationsPrunedCount = 256

    /// How often old operations are looked for.
    static let pruneInterval: Duration = .seconds(10)

    /// Directories known to exist, so that a write need not look for each ancestor.
    static let knownDirectoriesMax = 1024

    /// Requests open here: the credit of a gateway's four loops. A cancelled one gives its credit
    /// back and waits for its thread all the same, so credit alone is no bound; with 64 KiB each
    /// they stay below 256 MiB.
    static let pendingCountMax = 4096

    /// Rows of each kind of registers, entries, partitions and directories that the writer remembers:
    /// what a request reads was mostly written by one shortly before. Some 4 MiB.
    static let rememberedRowsMax = 4096

    /// How long a lock may be held by a child of this process that has not become another program yet, and
    /// how often it is tried.
    static let lockWait = Duration.milliseconds(250)
    static let lockRetry = Duration.milliseconds(5)

    // MARK: Reading

    /// Threads that read; two cover the latency of one cold read, more cost memory.
    static let readerCount = 2

    /// Threads for what waits for the disk by file: syncs of uploads, their opening and removal.
    /// Four uploads may end together and share the disk's queue.
    static let fileThreadCount = 4

    /// Bytes of records and small contents that the loop answers without a thread.
    static let cacheByteCountMax = 8 << 20

    /// What an entry of the cache costs beside its content and path: the record and two tables.
    static let cacheEntryByteCount = 640

    /// Pages of 4 KiB that the writer's connection keeps: 4 MiB, a transaction's own and the upper
    /// floors of the trees.
    static let writerCachePages = 1024

    /// Pages of each reading connection.
    static let readerCachePages = 256

    /// Look-ups again when content moved between the record's reading and the file's opening. Each
    /// needs another commit in between, so few are enough.
    static let contentAttemptsMax = 16

    // MARK: Kinds of storage

    /// Bytes of committed uploads that one round copies into kinds of storage that cannot just rename
    /// them: small contents wait as long as that takes.
    static let copiedByteCountMax = 32 << 20

    /// How long committed uploads rest in their staging files when there is no room for their copies.
    static let uploadRetry: Duration = .seconds(5)

    /// What is read and written at a time of it.
    static let copiedPieceByteCount = 1 << 20

    /// Chunks of 64 KiB of a removed content that are freed at a time, 16 MiB: others wait for it some
    /// ten milliseconds.
    static let freedChunksMax = 256

    /// Pages of 4 KiB that a database of contents gives back to the disk at a time, so that the log of it fits a full disk, and how many
    /// have to be free: fewer are used again before long.
    static let vacuumedPagesMax = 64
    static let vacuumedPagesMin = 1024

    /// Pages of 4 KiB in the log of a database of contents at which it is copied: 2 MiB. The log's file is
    /// cut back to as much.
    static let contentLogPageCount: Int32 = 512

    /// Bytes of the disk that write-outs leave for removals.
    static let removalByteCountReserve: UInt64 = 2 << 20

    /// Connections kept for threads that read contents: two that read, four for files.
    static let idleConnectionsMax = 6

    /// A segment that contents are appended to: large enough that there are few, small enough that one
    /// is rewritten within seconds.
    static let segmentByteCountMax: UInt64 = 256 << 20

    /// A disk has room for so many segments, and no segment is smaller than this.
    static let segmentsOfDiskMin: UInt64 = 64
    static let segmentByteCountMin: UInt64 = 1 << 20

    /// A larger content has a segment of its own, which goes with it and is never copied.
    static let sharedEntryByteCountMax: UInt64 = 8 << 20

    /// Bytes and entries that a step of the compaction copies: others wait for it some ten milliseconds.
    static let compactedByteCountMax: UInt64 = 8 << 20
    static let compactedCountMax = 4096

    /// Objects that a conversion lists at a time.
    static let convertedPageCount = 1024

    /// How often a conversion says how far it is.
    static let progressInterval: Duration = .seconds(2)

    /// A disk of which less than this part is free is short of space: segments are compacted sooner.
    static let shortOfSpacePart: UInt64 = 8

    /// Address space of bolt's file above the size of its disk.
    static let boltMapReserve = 1 << 30

    /// Free pages of 4 KiB of bolt's file that become holes at a time: 256 MiB, some milliseconds.
    static let givenBackPagesMax = 65_536

    /// Threads that read bolt's file at one time, with room for those to come.
    static let boltReadersMax: UInt32 = 64

    /// How long an object that somebody reads in windows stays after the last one, when no record names
    /// it any more: a slow client takes a window in less.
    static let windowGrace: Duration = .seconds(60)

    /// How long after it was found to be in use an object without a name is looked at again.
    static let objectInUseRetry: Duration = .seconds(2)

    /// Such objects: above the connections of a gateway.
    static let objectsInUseMax = 16_384

    // MARK: Integrity

    /// Files of which it is remembered what they were like, beside their rows: some 8 MiB.
    static let trustedFilesMax = 65_536

    /// Bytes that a look at a content counts at least, for the pace: what a seek of a spinning disk costs
    /// beside reading.
    static let scrubSeekByteCount = 32 << 10

    /// A client was here so lately: contents are checked more slowly, by this part of the rate where nobody
    /// asked for it, and at so many bytes a second where somebody waits.
    static let scrubBusyTime = Duration.milliseconds(100)
    static let scrubBusyPart: UInt64 = 4
    static let scrubRateBesideClients: UInt64 = 32 << 20

    /// How long the scrub waits at a time: a rate that is raised counts after that.
    static let scrubWaitMax = Duration.milliseconds(250)

    /// After a start the scrub waits: others are starting, too. And between two passes that nobody asks for.
    static let scrubStartDelay = Duration.seconds(60)
    static let scrubInterval = Duration.seconds(7 * 86_400)

    /// How often it is written down how far a pass is: after a death it goes on from there.
    static let scrubSaveInterval = Duration.seconds(30)
    static let scrubSaveIntervalRequested = Duration.seconds(5)

    /// Stored objects of a step.
    static let scrubbedPageCount = 1024

    /// Damaged files, and names that are none of the store's, that a pass tells; more are counted.
    static let scrubNamesMax = 1000

    /// The same in a message to another node, and in what is written down.
    static let scrubNamesToldMax = 100

    /// Damaged files of which a pass waits for copies from others, how long since one came last, and how often
    /// it looks; so many of them at a time.
    static let scrubRepairsMax = 4096
    static let scrubRepairWait = Duration.seconds(30)
    static let scrubRepairInterval = Duration.milliseconds(250)
    static let scrubRepairsLookedAt = 64

    /// A content that was marked as damaged is marked again at the earliest so much later.
    static let markInterval = Duration.seconds(60)
    static let recentMarksMax = 16_384

    /// Questions after a damage that wait for the scrub's thread: more are asked again by the next reader.
    static let suspectsMax = 256

    /// A file without a row that is younger may be one whose row is still to come.
    static let strangerAge = Duration.seconds(60)

    /// Bad copies whose files are good again stay in quarantine so long: somebody may have worked on them.
    static let quarantineTime = Duration.seconds(30 * 86_400)

    // MARK: Uploads

    /// A staging file that nobody claims is removed after this long.
    static let claimDelay: Duration = .seconds(10)

    /// How often staging files are looked at: for write-behind and for abandoned ones.
    static let uploadTick: Duration = .milliseconds(250)

    /// How long a commit waits for the gateway's descriptor to be closed. It closes it before it
    /// asks; descriptors on their way through a socket take microseconds.
    static let leaseWait: Duration = .seconds(2)

    /// What is read at a time of a file whose digest is taken: a page cache is read at its full speed
    /// with it.
    static let hashedByteCount = 1 << 20

    /// Between two tries for the lease.
    static let leaseRetryInterval: Duration = .milliseconds(5)

    // MARK: Answers

    /// Warnings in the status; more are counted.
    static let warningsMax = 32

    /// Two lives that ended with a failed sync within this time make the next one read-only.
    static let syncErrorSeconds: Int64 = 600

    /// Such lives.
    static let syncErrorsMax = 2

    // MARK: Peers

    /// Contents in memory that no record names yet: as many as all requests of a gateway may bring
    /// (1024 of 64 KiB), and the same again from peers.
    static let shelfByteCountMax = 128 << 20

    /// How many: small ones take some hundred bytes beside their own. So many are a few seconds' writes.
    static let shelfCountMax = 16_384

    /// How long they stay after their last use: above what a request of a peer waits, and repeats.
    static let shelfTime: Duration = .seconds(20)

    /// The same of staging files: a version that was offered comes when all have it, which a slow
    /// node may keep waiting.
    static let shelfTimeStaged: Duration = .seconds(120)

    /// Messages of peers that wait for contents; beyond, they are lost as in a network.
    static let heldMessagesMax = 1024

    /// Objects of which the loop remembers that they are stored.
    static let knownObjectsMax = 16_384

    /// Twins raise their registers against each other without end, and are said again each minute by
    /// membership; a node with a new disk is known to all within seconds.
    static let twinsCertainAfter = Duration.seconds(20)

    /// After this without a sight of its cause a warning goes: some times what lies between two sights
    /// (30 s, `CRDTLimits.conflictInterval`; 60 s, `MembershipLimits.duplicateInterval`).
    static let passingWarningAge = Duration.seconds(150)

    /// Changes of files that are remembered as told: each is told once, though all its holders say it.
    static let toldChangesMax = 4096

    /// Bytes that wait for a gateway to read before messages for peers are dropped.
    static let carrierByteCountMax = 16 << 20

    /// Requests of clients that came before the cluster's brain could begin.
    static let earlyRequestsMax = 1024

    /// How often the shelf is looked through.
    static let shelfTick: Duration = .seconds(1)

    /// Names of one page of a recursive deletion; its files go at the same time.
    static let deletionPageCount = 128

    /// How often a recursive deletion finds names in a directory that it has emptied before it leaves
    /// it: somebody goes on writing there.
    static let deletionRelistingsMax = 16

    /// A recursive deletion ends then: its client has stopped waiting, and others may go on writing for ever.
    static let deletionTimeMax: Duration = .seconds(600)

    /// Between two of these in a tree that is moved or deleted, more with each: that a directory is empty
    /// reaches the one above it a moment later. All together some seconds.
    static let relistingDelay = Duration.milliseconds(20)

    /// How long a directory that was made or deleted is looked for in the listing above it before the client
    /// is answered all the same, and what lies between the first two looks, more with each.
    static let listedTimeMax = Duration.milliseconds(700)
    static let listedDelay = Duration.milliseconds(5)

    /// How long a new node looks for others before it founds a cluster of its own: discovery is
    /// answered within milliseconds, and others may be starting at the same time.
    static let foundingWait: Duration = .seconds(1)

    /// A disk of which nobody knows the size counts as one of so many GiB in placement.
    static let weightMin: UInt64 = 1

    /// Operations whose answers are remembered, for those sent again: a gateway repeats what its link
    /// left open, which its credit bounds (1024), for each of its loops.
    static let answeredMax = 16_384

    /// Partitions in one answer about their copies: with 255 holders of the longest names each, 1 MiB
    /// holds some sixty; with three holders a page is a few KiB.
    static let healthPageCount = 50

    /// How long what another node said of its disk is told again: pages in browsers ask every second.
    static let usageAge: Duration = .seconds(5)

    /// The same of the own disk, for peers and for people.
    static let ownUsageAge: Duration = .seconds(1)

    /// How long the others' answers are awaited: they come within milliseconds from all that live.
    static let usageWait: Duration = .seconds(1)

    /// Nodes of which it is remembered what their disks hold and when they were heard of: above those
    /// of the largest cluster that is shown as a list.
    static let usageNodesMax = 4096

    /// How long the end of a pass of comparisons is awaited before it is told how far it is: below what
    /// a gateway waits.
    static let repairWait: Duration = .seconds(10)

    /// Registers of files that one question about the state looks at: some ten milliseconds.
    static let inspectedScanMax = 10_000

    /// The same of partitions.
    static let inspectedPartitionsMax = 4096

    /// Members of a layout that are named to people who look at it.
    static let inspectedMembersMax = 1000

    /// Bytes of one page of the trash: half of a frame, as for other pages.
    static let trashPageByteCountMax = 512 << 10

    /// How long others' pages of the trash are awaited: they come within milliseconds from all that live.
    static let trashWait = Duration.seconds(2)

    /// Lists of the trash that are being made at a time.
    static let trashListingsMax = 64

    /// Files of a new quota that are counted in one group: some milliseconds.
    static let quotaCountedMax = 2000

    /// How long the others' sums of quotas are awaited: they come within milliseconds from all that live.
    static let quotaWait = Duration.seconds(1)

    /// From one question for all sums to the next: what arrives meanwhile is decided by one answer.
    static let quotaPause = Duration.milliseconds(50)

    /// How often a write asks for sums before it is refused by what is not certain.
    static let quotaAttemptsMax = 3

    /// How long an order to restart waits for its answer, before the next node is asked.
    static let restartAnswerMax: Duration = .seconds(5)

    /// The supervisor answers when all workers are new, which this process does not live to see; one
    /// that lives so long was not restarted.
    static let restartOrderMax: Duration = .seconds(200)

    /// How long a node may take to drain, restart and be back, before the next one is asked.
    static let restartNodeMax: Duration = .seconds(60)
}
