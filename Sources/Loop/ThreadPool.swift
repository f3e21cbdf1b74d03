internal import CLibUV
package import Posix
internal import Synchronization

/// A few threads for calls that wait for the disk, with a bounded queue before them.
///
/// libuv has a pool of its own, but one for the whole process, unbounded, and shared with whatever
/// else uses it; a pool of one thread is also how a writer is kept alone.
// Unchecked: all state is behind libuv's mutex.
@safe package final class ThreadPool: @unchecked Sendable {
    private let lock: UnsafeMutablePointer<uv_mutex_t>
    private let filled: UnsafeMutablePointer<uv_cond_t>
    private var threads: [uv_thread_t] = []
    private let queueMax: Int
    private var queue = Queue()
    private var isEnding = false

    /// Work in the order it came; an array with a moving start.
    private struct Queue {
        private var work: [() -> Void] = []
        private var start = 0

        var count: Int { work.count - start }

        mutating func append(_ body: @escaping () -> Void) { work.append(body) }

        mutating func popFirst() -> (() -> Void)? {
            if start == work.count { return nil }
            let body = work[start]
            work[start] = {}
            start += 1
            if start == work.count {
                work.removeAll(keepingCapacity: true)
                start = 0
            } else if start > 64, start > work.count / 2 {
                work.removeFirst(start)
                start = 0
            }
            return body
        }
    }

    /// Starts `threadCount` threads, which live until `end()`.
    /// - Throws: `EAGAIN` where there are too many threads.
    package init(
        threadCount: Int, queueMax: Int = LoopLimits.poolQueueMax
    ) throws(PosixError) {
        precondition(threadCount > 0 && queueMax > 0, "a pool does something")
        self.queueMax = queueMax
        unsafe lock = .allocate(capacity: 1)
        unsafe filled = .allocate(capacity: 1)
        let made = unsafe (uv_mutex_init(lock), uv_cond_init(filled))
        precondition(made == (0, 0), "memory alone is needed")
        for _ in 0..<threadCount {
            var thread = uv_thread_t()
            // The thread's reference; balanced where it ends.
            let reference = unsafe Unmanaged.passRetained(self)
            let result = unsafe uv_thread_create(
                &thread,
                { pool in
                    guard let pool = unsafe pool else { return }
                    unsafe Unmanaged<ThreadPool>.fromOpaque(pool).takeRetainedValue().work()
                }, reference.toOpaque())
            if result < 0 {
                unsafe reference.release()
                end()
                throw PosixError(-result, "uv_thread_create")
            }
            threads.append(thread)
        }
    }

    deinit {
        unsafe uv_cond_destroy(filled)
        unsafe uv_mutex_destroy(lock)
        unsafe filled.deallocate()
        unsafe lock.deallocate()
    }

    /// Does `body` on one of the threads. From any thread.
    /// - Returns: false where the queue is full or the pool has ended; then nothing was taken.
    package func submit(_ body: @escaping @Sendable () -> Void) -> Bool {
        unsafe uv_mutex_lock(lock)
        defer { unsafe uv_mutex_unlock(lock) }
        if isEnding || queue.count >= queueMax { return false }
        queue.append(body)
        unsafe uv_cond_signal(filled)
        return true
    }

    /// Does `work` on one of the threads and `then` on the loop's, which is the caller's.
    /// - Returns: false where the queue is full or the pool has ended; then neither is called.
    package func submit<Result: Sendable>(
        on loop: EventLoop, _ work: @escaping @Sendable () -> Result,
        then: @escaping (Result) -> Void
    ) -> Bool {
        let then = LoopBound(loop, then)
        return submit {
            let result = work()
            loop.post { then.take()(result) }
        }
    }

    /// Takes no more work, does what waits, and waits for the threads. Not from one of them.
    package func end() {
        unsafe uv_mutex_lock(lock)
        isEnding = true
        let threads = self.threads
        self.threads = []
        unsafe uv_cond_broadcast(filled)
        unsafe uv_mutex_unlock(lock)
        for var thread in threads { unsafe _ = uv_thread_join(&thread) }
    }

    private func work() {
        while let body = next() { body() }
    }

    /// The next work, waited for; nil at the end.
    private func next() -> (() -> Void)? {
        unsafe uv_mutex_lock(lock)
        defer { unsafe uv_mutex_unlock(lock) }
        while true {
            if let body = queue.popFirst() { return body }
            if isEnding { return nil }
            unsafe uv_cond_wait(filled, lock)
        }
    }
}

/// A value of the loop's thread that passes through another one.
// Unchecked: made and taken on the loop's thread, which `take` checks; the thread between has only
// the reference. Where the loop ended before, the value is never taken and dies where it lies.
package final class LoopBound<Value>: @unchecked Sendable {
    private let loop: EventLoop
    private var value: Value?

    package init(_ loop: EventLoop, _ value: Value) {
        loop.assertOnLoop()
        self.loop = loop
        self.value = value
    }

    /// The value, once.
    package func take() -> Value {
        loop.assertOnLoop()
        guard let value = value.take() else { preconditionFailure("taken once") }
        return value
    }
}
