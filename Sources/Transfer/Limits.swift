/// The numbers of this room, each with its reason.
package enum TransferLimits {
    /// A content up to this goes along with the message that names it: as what travels in one frame
    /// between the processes of a node (docs/IPC.md).
    package static let attachedByteCountMax = 64 << 10

    /// Contents that go along with one message, and all of their bytes: a message with them stays
    /// well below what is decoded at all.
    package static let attachedCountMax = 64
    package static let attachedByteCountSumMax = 4 << 20

    /// What one store takes from another as one message: the largest message of the brains (8 MiB),
    /// and what goes along with it.
    package static let messageByteCountMax = 13 << 20

    /// Bytes in one part of a message. A part fits into a frame with room, and messages to other
    /// nodes come in between.
    package static let partByteCountMax = 256 << 10

    /// Bytes of messages that have not come whole, of all nodes together: some dozen of the largest.
    /// Nearly all messages are one part, which is kept nowhere.
    package static let unfinishedByteCountMax = 128 << 20

    /// Entries of the trash in one answer: a page for people, and half a frame with usual names.
    package static let trashCountMax = 1000
    package static let contentTypeByteCountMax = 255

    /// Contents that are pulled at a time: enough to keep a network and a disk busy, and few enough that
    /// each is soon whole. Each large one is a connection, and a window of the gateway's.
    package static let pullsMax = 16

    /// Contents that wait for their turn. Beyond, a message that names more is treated as lost, and
    /// its sender repeats it.
    package static let pullsWaitingMax = 4096

    /// How long a node may be silent before another is asked: the sync of a disk under load, and the
    /// restart of a store's gateway.
    package static let silenceMax = Duration.seconds(3)

    /// How often all who may have a content are asked in turn.
    package static let roundsMax = 3

    /// After a node said that it is busy.
    package static let busyDelay = Duration.milliseconds(200)

    /// Small contents that are being read for others at a time; more are told that this node is busy.
    package static let servedMax = 64

    /// How long a node that was offered a content may go without asking for a piece or answering:
    /// above `silenceMax`, in which it finds that it has to ask again.
    package static let offerSilenceMax = Duration.seconds(8)

    /// The same where enough others have it already: a node that is about to be known as dead does not
    /// hold up a write that has its majority. Of who never said a word, and of who was pulling, which
    /// says so each `pullingInterval`.
    package static let offerPatience = Duration.seconds(1)
    package static let offerPatiencePulling = Duration.seconds(3)

    /// How often a node that has what it was offered is reminded of it while others still pull: it keeps what
    /// no version names for two minutes (`StoreLimits.shelfTimeStaged`).
    package static let offerReminderInterval = Duration.seconds(30)

    /// How often a node that pulls what it was offered says that it still does: well below
    /// `offerSilenceMax`.
    package static let pullingInterval = Duration.seconds(2)

    /// How long what came of a growing content is kept without news: a client that pauses for longer
    /// costs a second transfer.
    package static let growingIdleMax = Duration.seconds(60)

    /// By how much an upload has to grow before others are told: each time costs a message and a round
    /// trip on the connections for contents, some per mille of the time that the bytes take.
    package static let growthStep: UInt64 = 8 << 20

    /// How long what came of a content is kept after nobody could give the rest: cuts of a network and
    /// restarts of machines are shorter.
    package static let partTime = Duration.seconds(600)

    /// Contents of which a part is kept; of more, the new ones begin from the start.
    package static let partsMax = 64

    /// Quotas in one word: as many as there may be (`ClusterLimits.quotaCountMax`).
    package static let quotasMax = 16
}
