/// The numbers of this room, each with its reason.
package enum ReplicationLimits {
    /// How long a holder may take to make a version durable before another stands in for it: a
    /// group commit takes some 10 ms, a disk under load some 100.
    package static let copyTimeout = Duration.seconds(1)

    /// How long a checked read waits for a holder that membership does not call dead.
    package static let readTimeout = Duration.milliseconds(400)

    /// How long it waits for any holder at all, where only stand-ins answered: what they do not
    /// have may be there all the same, and "not found" is not said on their word.
    package static let holderTimeout = Duration.seconds(3)

    /// Names that a holder is asked for at least: some may be gone, and are told all the same.
    package static let pageCountMin = 64
    /// The same where it is only asked whether anything is there: nearly always the first name is.
    package static let existenceCountMin = 4

    /// A page of a listing ends before it takes more, however many names were asked for: half of the
    /// largest frame (docs/IPC.md).
    package static let pageByteCountMax = 512 << 10

    /// After this a write is acknowledged without its directory's entry, and says so.
    package static let listingTimeout = Duration.seconds(2)

    /// Attempts of one write against holders that know more, and of one conditional write against
    /// other ballots. Each loses to somebody who made progress; with the random waits between them
    /// ten in a row do not happen outside of a fault.
    package static let attemptsMax = 10

    /// The longest random wait before the second attempt; it grows by as much with each.
    package static let attemptDelay = Duration.milliseconds(20)

    /// A coordinator gives up here: below the 20 s after which clients do.
    package static let operationTimeout = Duration.seconds(10)

    /// A promise without an accepted version is forgotten after this long: no proposer, which gives
    /// up after `operationTimeout`, can still go by it.
    package static let promiseAge = Duration.seconds(60)

    /// Names of versions that nobody wants back: by them repeated operations are known.
    package static let keptNamesMax = 32

    /// Superseded versions of a path whose contents are kept, whatever `versions_max` says: what is
    /// overwritten many times a second would fill the disk before its surplus is of age.
    package static let spareCountMax = 128

    /// Losers of conflicts that a path keeps beside: each is the only copy of what somebody was told is
    /// stored, so the limit is one of memory (some 64 KiB), not of taste.
    package static let losersMax = 256

    /// A superseded version is kept at least this long whatever the number: by it an operation that
    /// is repeated is found to have been done. Clients give up after 20 s and repeat for a minute.
    package static let surplusAge = Duration.seconds(120)

    /// Registers looked at in one search for what has aged: some milliseconds of reading. Whoever has a
    /// million comes round in three hours, which is little beside days of keeping.
    package static let agedWalkMax = 1024

    /// A disk that hands a partition back has told the holders of what it accepted this long ago:
    /// above the age of a word that counts (5 s) and the time of an exchange (some questions, each
    /// of which waits 3 s at most).
    package static let handedBackAfter = Duration.seconds(30)

    /// What was prepared this long ago, or accepted under a ballot, is settled by whoever finds it:
    /// some round trips of a slow network.
    package static let settleAfter = Duration.seconds(2)

    /// Registers settled in one round: each is a read of its holders.
    package static let settleCountMax = 64

    /// How long a lock counts after its time by one node's clock: two clocks that are not in doubt
    /// are each at most 60 s off the median (`HybridClock`).
    package static let lockDoubt = Duration.seconds(120)

    /// The longest time of a lock without a refresh: clients refresh, and a file whose client died
    /// is free again within the hour.
    package static let lockSecondsMax: UInt32 = 3600

    /// Shared locks of one path: each travels with every change of the others.
    package static let locksPerPathMax = 32

    /// The owner that a client names: a name, an address; programs send some 100 bytes.
    package static let lockOwnerByteCountMax = 1024

    /// Tokens that one write shows: of its path, where it goes, and the directories above.
    package static let lockTokensMax = 64

    /// Names of a directory below which there may be locks. Where there are more, the directory is
    /// locked with all below it only when their time is over.
    package static let lockTracesMax = 256
}
