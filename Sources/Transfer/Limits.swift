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

    /// Bytes asked for at a time. Large enough that the question costs nothing beside them, and small
    /// enough that others' messages wait for some milliseconds only.
    package static let pieceByteCount = 256 << 10

    /// Pieces of one content that are asked for or wait to be written: enough for a gigabit a second
    /// over 8 ms of round trip.
    package static let windowPieceCount = 4

    /// Contents that are pulled at a time; each holds a window in memory.
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

    /// Pieces that are being read for others at a time; more are told that this node is busy. As many
    /// windows as nodes that may pull from one at a time.
    package static let servedMax = 64

    /// How long a node that was offered a content may go without asking for a piece or answering:
    /// above `silenceMax`, in which it finds that it has to ask again.
    package static let offerSilenceMax = Duration.seconds(8)
}
