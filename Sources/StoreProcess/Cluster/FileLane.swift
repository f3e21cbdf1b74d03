internal import Loop
internal import Model

/// The work on one pulled file: one thing at a time, in order, on whichever thread for files is free.
final class FileLane {
    typealias Work = @Sendable () -> UInt64?

    let file: PulledFile
    private var waiting: [(work: Work, then: (UInt64?) -> Void)] = []
    private var isBusy = false

    init(_ object: ObjectID) { file = PulledFile(object) }

    /// Does `work` on a thread and `then` on the loop's; nil where it could not be done.
    func submit(
        on loop: EventLoop, _ engine: Engine, _ work: @escaping Work,
        then: @escaping (UInt64?) -> Void
    ) {
        waiting.append((work, then))
        advance(loop, engine)
    }

    private func advance(_ loop: EventLoop, _ engine: Engine) {
        guard !isBusy, !waiting.isEmpty else { return }
        isBusy = true
        let (work, then) = waiting.removeFirst()
        let taken = engine.files.submit(on: loop, work) { [self] result in
            isBusy = false
            then(result)
            advance(loop, engine)
        }
        if taken { return }
        // The threads have too much to do, or have ended: as good as a full disk.
        isBusy = false
        then(nil)
        advance(loop, engine)
    }
}
