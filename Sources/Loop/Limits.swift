/// The numbers of this room, each with its reason.
package enum LoopLimits {
    /// Bytes of the one buffer that all reads of a loop share: a frame of 64 KiB content in two
    /// reads, a burst of small frames in one.
    package static let readBytesMax = 64 * 1024

    /// Reads in a row from one connection that has more to give, before the others have their turn.
    static let readsPerTurnMax = 4

    /// Connections accepted in a row from one listener, for the same reason.
    static let acceptsPerTurnMax = 32

    /// How long a listener rests when the process has no descriptor left: accepting goes on as
    /// connections end, and trying at once would spin.
    static let acceptRest: Duration = .milliseconds(50)

    /// Bytes that may wait to be written on a connection unless its owner says otherwise: a frame
    /// of the largest size, and what the socket buffers hold besides.
    package static let pendingBytesMax = 1024 * 1024

    /// Rounds of posted work within one turn, for work that posts more work; then the loop looks at
    /// its descriptors again, so that nothing starves.
    static let roundsPerTurnMax = 8

    /// Rounds of closing what is open when a loop ends; one is usual, an owner that opens something
    /// when it is told of an end makes another.
    static let endRoundsMax = 16

    /// Work that may wait for a pool unless its owner says otherwise.
    package static let poolQueueMax = 1024
}
