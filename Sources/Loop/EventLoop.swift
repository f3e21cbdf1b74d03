internal import CLibUV
package import Posix
internal import Synchronization

/// A libuv loop: one thread that waits for everything and calls back, and an executor on which an
/// actor can live.
///
/// ```
///  run(): ┌─> timers -> posted work -> turn ends -> wait -> descriptors -> closed ─┐
///         └──────────────────────────────────────────────────────────────────────┘
/// ```
/// It belongs to the thread that made it until `run()`, which makes it the running thread's. All
/// members but `post`, `enqueue`, `stop` and `isOnLoopThread` are for that thread only, and so is
/// everything that is made with a loop.
// Unchecked: the libuv loop and the stored properties that are not constants are touched on the
// loop's thread only (`assertOnLoop`); what other threads reach is atomic or behind a Mutex.
@safe package final class EventLoop: SerialExecutor, @unchecked Sendable {
    private let uvLoop: UnsafeMutablePointer<uv_loop_t>
    private let posted = Mutex(PostedWork())
    private let thread: Atomic<UInt>
    private let isStopping = Atomic<Bool>(false)
    /// The posted work that is being done; kept for its capacity.
    private var running: [Work] = []
    private var turnEndHooks: [(id: UInt64, body: () -> Void)] = []
    private var nextHookID: UInt64 = 0
    private var wakeUp: WakeUp?
    private var turnEnd: TurnEnd?
    /// The one buffer of all reads, which are done within a callback.
    let readBuffer: UnsafeMutableRawBufferPointer

    /// - Throws: what the kernel lacks, as descriptors.
    package init() throws(PosixError) {
        unsafe uvLoop = .allocate(capacity: 1)
        unsafe readBuffer = .allocate(byteCount: LoopLimits.readBytesMax, alignment: 16)
        thread = Atomic(ThreadIdentity.current)
        let result = unsafe uv_loop_init(uvLoop)
        if result < 0 {
            unsafe uvLoop.deallocate()
            unsafe readBuffer.deallocate()
            throw PosixError(-result, "uv_loop_init")
        }
        // A peer that left is an error of the write, not the end of this process.
        SelfProcess.ignoreBrokenPipes()
        wakeUp = try WakeUp(self)
        turnEnd = try TurnEnd(self)
    }

    deinit {
        unsafe uvLoop.deallocate()
        unsafe readBuffer.deallocate()
    }

    /// The loop for libuv's own calls, within this room.
    var uv: UnsafeMutablePointer<uv_loop_t> {
        assertOnLoop()
        return unsafe uvLoop
    }

    // MARK: Running

    /// Waits and calls back until `stop()`, then ends everything that is still open; once.
    ///
    /// Children must be spawned from the thread that runs the loop, and it must be one that lives
    /// until the process ends: the kernel ties a child's parent-death signal to the *thread*.
    package func run() {
        // Within the lock, so that nobody who posts takes another thread for the loop's: what is
        // posted from there needs no wake-up.
        posted.withLock { _ in
            thread.store(ThreadIdentity.current, ordering: .sequentiallyConsistent)
        }
        while !isStopping.load(ordering: .sequentiallyConsistent) {
            unsafe _ = uv_run(uvLoop, UV_RUN_DEFAULT)
        }
        end()
    }

    /// Lets `run()` return after this turn. From any thread.
    package func stop() {
        isStopping.store(true, ordering: .sequentiallyConsistent)
        post { [self] in unsafe uv_stop(uvLoop) }
    }

    /// Closes what is open and waits for it, so that no memory outlives the loop.
    private func end() {
        var result: Int32 = 0
        // An owner that is told of an end may start something; that is ended too.
        for _ in 0..<LoopLimits.endRoundsMax {
            unsafe uv_walk(
                uvLoop,
                { handle, _ in
                    guard let handle = unsafe handle, unsafe uv_is_closing(handle) == 0
                    else { return }
                    unsafe Handle.owner(of: handle, as: HandleOwner.self).closeHandle()
                }, nil)
            // Without waiting: what was just started has not been closed yet.
            unsafe _ = uv_run(uvLoop, UV_RUN_NOWAIT)
            result = unsafe uv_loop_close(uvLoop)
            if result == 0 { break }
        }
        precondition(result == 0, "everything was closed")
        turnEndHooks = []
        wakeUp = nil
        turnEnd = nil
    }

    /// Nanoseconds of a clock that only goes forward, of no particular start.
    package var nowNanoseconds: UInt64 { uv_hrtime() }

    /// The same clock as a `Duration` since its start.
    package var now: Duration { .nanoseconds(Int64(clamping: uv_hrtime())) }

    // MARK: Work from elsewhere

    /// Does `body` on the loop's thread, in order with all that is posted. From any thread.
    ///
    /// Many posts cost one wake-up. Work posted on the loop's thread is done before it waits again.
    /// Work that is posted once the loop has ended is dropped.
    package func post(_ body: @escaping @Sendable () -> Void) { add(.body(body)) }

    /// Does `body` at the end of this turn, off the caller's stack. On the loop's thread only.
    package func later(_ body: @escaping () -> Void) {
        let bound = LoopBound(self, body)
        post { bound.take()() }
    }

    package func enqueue(_ job: consuming ExecutorJob) { add(.job(UnownedJob(job))) }

    package func asUnownedSerialExecutor() -> UnownedSerialExecutor {
        unsafe UnownedSerialExecutor(ordinary: self)
    }

    /// True on the loop's thread. From any thread.
    package var isOnLoopThread: Bool {
        thread.load(ordering: .relaxed) == ThreadIdentity.current
    }

    package func checkIsolated() { precondition(isOnLoopThread, "not on the loop's thread") }

    package func isIsolatingCurrentContext() -> Bool? { isOnLoopThread }

    /// Traps where somebody touches the loop from another thread.
    func assertOnLoop() { precondition(isOnLoopThread, "not on the loop's thread") }

    private func add(_ work: Work) {
        posted.withLock { posted in
            if posted.hasEnded { return }
            posted.queue.append(work)
            // On the loop's own thread the end of the turn is yet to come, unless a wake-up is
            // needed for work that came too late for it: `doPosted` sees to that.
            if isOnLoopThread || posted.isWoken { return }
            posted.isWoken = true
            // Within the lock, so that the handle is not closed meanwhile.
            posted.wakeUp?.wake()
        }
    }

    /// Does what was posted, then lets the turn end. Work may post more work.
    fileprivate func turnEnded() {
        for _ in 0..<LoopLimits.roundsPerTurnMax {
            doPosted()
            for hook in turnEndHooks { hook.body() }
            if posted.withLock({ $0.queue.isEmpty }) { return }
        }
        posted.withLock { posted in
            posted.isWoken = true
            posted.wakeUp?.wake()
        }
    }

    private func doPosted() {
        posted.withLock { posted in
            posted.isWoken = false
            swap(&posted.queue, &running)
        }
        for work in running {
            switch work {
            case .body(let body): body()
            case .job(let job): unsafe job.runSynchronously(on: asUnownedSerialExecutor())
            }
        }
        running.removeAll(keepingCapacity: true)
    }

    // MARK: Ends of turns

    /// Calls `body` at the end of each turn, before the loop waits: where what a turn gathered goes
    /// out in one write.
    package func onTurnEnd(_ body: @escaping () -> Void) -> TurnEndToken {
        assertOnLoop()
        nextHookID += 1
        turnEndHooks.append((nextHookID, body))
        return TurnEndToken(loop: self, id: nextHookID)
    }

    fileprivate func removeTurnEnd(_ id: UInt64) {
        assertOnLoop()
        turnEndHooks.removeAll { $0.id == id }
    }

    fileprivate func wakeUpMade(_ wakeUp: WakeUp.Signal?) {
        posted.withLock { posted in
            posted.wakeUp = wakeUp
            if wakeUp == nil {
                posted.hasEnded = true
                posted.queue = []
            }
        }
    }
}

/// A hook that `onTurnEnd` made, until `cancel()`.
package struct TurnEndToken {
    fileprivate let loop: EventLoop
    fileprivate let id: UInt64

    package func cancel() { loop.removeTurnEnd(id) }
}

private enum Work {
    case body(@Sendable () -> Void)
    case job(UnownedJob)
}

/// What other threads share with the loop.
private struct PostedWork {
    var queue: [Work] = []
    var isWoken = false
    var hasEnded = false
    var wakeUp: WakeUp.Signal?
}

/// Ends the loop's wait from another thread.
private final class WakeUp: HandleOwner {
    /// What other threads hold.
    // Unchecked: uv_async_send is the one call of libuv for any thread; the Mutex that holds this
    // value is emptied before the handle is closed.
    @safe struct Signal: @unchecked Sendable {
        let handle: UnsafeMutablePointer<uv_async_t>

        func wake() {
            let result = unsafe uv_async_send(handle)
            precondition(result == 0, "the handle is open")
        }
    }

    private let loop: EventLoop
    private var handle: Handle?

    init(_ loop: EventLoop) throws(PosixError) {
        self.loop = loop
        super.init()
        let handle = try Handle(UV_ASYNC, owner: self) { handle in
            // Waking is all: what was posted is done at the end of the turn.
            unsafe uv_async_init(loop.uv, handle.pointer(to: uv_async_t.self)) { _ in }
        }
        self.handle = handle
        loop.wakeUpMade(unsafe Signal(handle: handle.pointer(to: uv_async_t.self)))
    }

    override func closeHandle() {
        loop.wakeUpMade(nil)
        handle?.close()
    }
}

/// Is called before each wait.
private final class TurnEnd: HandleOwner {
    private unowned let loop: EventLoop
    private var handle: Handle?

    init(_ loop: EventLoop) throws(PosixError) {
        self.loop = loop
        super.init()
        handle = try Handle(UV_PREPARE, owner: self) { handle in
            let prepare = unsafe handle.pointer(to: uv_prepare_t.self)
            let result = unsafe uv_prepare_init(loop.uv, prepare)
            if result < 0 { return result }
            return unsafe uv_prepare_start(prepare) { prepare in
                unsafe Handle.owner(of: prepare, as: TurnEnd.self).loop.turnEnded()
            }
        }
    }

    override func closeHandle() { handle?.close() }
}

/// Which thread runs.
private enum ThreadIdentity {
    static var current: UInt { UInt(uv_thread_self()) }
}
