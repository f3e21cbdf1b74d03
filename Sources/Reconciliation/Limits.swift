/// The numbers of this room, each with its reason.
package enum ReconciliationLimits {
    /// Bits by which one question divides a range, at most: 128 children of three bytes are
    /// well within one Ethernet frame.
    package static let childBitsMax = 7
    /// And at least, while many ranges differ: four children cost nine bytes; with two, a range
    /// would take 10 % fewer bytes but twice the round trips.
    package static let childBitsMin = 2
    /// Bits by which a responder divides a range that was to be listed and has too many items.
    package static let childBitsForLongLists = 4
    /// Children that the ranges of one request ask for together before each divides into four
    /// only: few ranges are narrowed in few round trips, many in few bytes.
    package static let childrenPerRequest = 256

    /// Entries that one range lists at most: above it, dividing costs less than listing.
    package static let listedPerRangeMax = 256
    /// Entries that one request lists before only ranges of `listedPerManyRanges` are listed.
    package static let listedPerRequest = 320
    /// While many ranges differ, a range of so few entries is listed: three bytes an entry are then
    /// about what its next division would cost.
    package static let listedPerManyRanges = 5
    /// Entries that the answer about one range looks at, at most; of a range that has more, the
    /// answer says so and it is divided.
    package static let itemsPerRangeMax = 512

    /// Ranges in one request: 1,024 lists of five entries are 20 KiB.
    package static let rangesPerRequestMax = 1024
    /// The encoded size of a request and of a reply, at most: what travels in one frame of IPC.
    package static let messageByteCountMax = 64 << 10
    /// Entries whose fingerprints one reply adds up, at most: some 50 ms of a store's reading. A
    /// range begun is finished, so a reply exceeds it by at most one partition's entries.
    package static let entriesPerReplyMax = 1 << 17

    /// Rounds of one session: 1 for the sum, 9 to narrow 64 bits by 7, and as many lots of
    /// `rangesPerRequestMax` ranges as a session's differences need, four times over.
    package static let roundsMax = 96
    /// Differences that one session reports; the rest is the next session's. A store repairs so
    /// many in some seconds.
    package static let differencesMax = 4096
    /// Bytes of one session, both ways: 4,096 differences take about 400 KiB.
    package static let sessionByteCountMax = 2 << 20

    /// Partitions in a set's list; above it a bitmap of 8 KiB is smaller (as in Roaring bitmaps,
    /// Chambi, Lemire et al. 2016).
    package static let partitionListCountMax = 4096
    /// Peers in one index: as many as a layout has members.
    package static let peerCountMax = 10_000
}
