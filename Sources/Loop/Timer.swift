internal import CLibUV
package import Posix

/// A call at a later time, once or again and again; in milliseconds, never early.
package final class LoopTimer: HandleOwner {
    private let loop: EventLoop
    private var handle: Handle?
    private var body: (() -> Void)?
    private var repeats = false

    fileprivate init(_ loop: EventLoop, _ body: @escaping () -> Void) throws(PosixError) {
        self.loop = loop
        self.body = body
        super.init()
        handle = try Handle(UV_TIMER, owner: self) { handle in
            unsafe uv_timer_init(loop.uv, handle.pointer(to: uv_timer_t.self))
        }
    }

    /// True until it fired for the last time or was cancelled.
    package var isPending: Bool { body != nil }

    /// Never calls from here on. Any number of times.
    package func cancel() {
        body = nil
        handle?.close()
        handle = nil
    }

    /// Puts off the call of a timer that is pending to `delay` from now.
    package func reschedule(after delay: Duration) {
        guard body != nil else { return }
        start(after: delay, every: nil)
    }

    fileprivate func start(after delay: Duration, every interval: Duration?) {
        guard let handle else { return }
        repeats = interval != nil
        // The loop's idea of now is that of the turn's start; a delay counts from the call.
        unsafe uv_update_time(loop.uv)
        let result = unsafe uv_timer_start(
            handle.pointer(to: uv_timer_t.self),
            { unsafe Handle.owner(of: $0, as: LoopTimer.self).fired() },
            Self.milliseconds(delay), interval.map { max(1, Self.milliseconds($0)) } ?? 0)
        precondition(result == 0, "the timer is open and has a callback")
    }

    private func fired() {
        guard let body else { return }
        if repeats {
            body()
        } else {
            cancel()
            body()
        }
    }

    /// Rounded up: a timer that fires early makes its caller wait again for nothing.
    private static func milliseconds(_ duration: Duration) -> UInt64 {
        let (seconds, attoseconds) = duration.components
        if seconds < 0 || attoseconds < 0 { return 0 }
        return UInt64(seconds) * 1000
            + UInt64((attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
    }

    override func closeHandle() { cancel() }
}

extension EventLoop {
    /// Calls `body` once, `delay` from now.
    package func schedule(
        after delay: Duration, _ body: @escaping () -> Void
    ) throws(PosixError) -> LoopTimer {
        let timer = try LoopTimer(self, body)
        timer.start(after: delay, every: nil)
        return timer
    }

    /// Calls `body` every `interval`, for the first time after one.
    package func schedule(
        every interval: Duration, _ body: @escaping () -> Void
    ) throws(PosixError) -> LoopTimer {
        let timer = try LoopTimer(self, body)
        timer.start(after: interval, every: interval)
        return timer
    }
}
