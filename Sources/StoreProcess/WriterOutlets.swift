internal import Model

/// What the writer's thread tells others.
struct WriterOutlets: Sendable {
    /// A group is durable; on the writer's thread.
    var committed: @Sendable (Committed) -> Void
    /// Told of answers before they are durable, on the writer's thread; a `followed` comes back. Nil where nobody
    /// keeps them to itself until then.
    var answeredAhead: (@Sendable (AnsweredAhead) -> Void)?
    /// Outbox rows up to this sequence are there.
    var published: @Sendable (UInt64) -> Void
    /// The write-ahead log is long: copy it into the database beside the writes.
    var checkpointDue: @Sendable () -> Void
    /// Contents were marked as bad, with rows up to this sequence.
    var markedBad: @Sendable (UInt64) -> Void = { _ in }
    /// After `finishHousekeeping`.
    var housekeepingFinished: @Sendable () -> Void
}
