internal import Glibc
internal import Posix

/// A thread of its own for one job that lasts: the writer, a reader, the housekeeper. Each keeps
/// a database connection that no other thread may touch, which a pool could not promise.
struct Worker: Sendable {
    private let handle: pthread_t

    /// Starts `body` on a new thread called `name` (at most 15 bytes, as the kernel has it).
    static func start(_ name: String, _ body: @escaping @Sendable () -> Void) -> Worker {
        var handle = pthread_t()
        let box = unsafe Unmanaged.passRetained(Body(name, body))
        let result = unsafe pthread_create(
            &handle, nil,
            { raw in
                guard let raw = unsafe raw else { return nil }
                let body = unsafe Unmanaged<Body>.fromOpaque(raw).takeRetainedValue()
                Worker.setName(body.name)
                body.run()
                return nil
            }, box.toOpaque())
        precondition(result == 0, "the handful of threads of a store exists")
        return Worker(handle: handle)
    }

    /// Waits for the body's end.
    func join() { _ = pthread_join(handle, nil) }

    /// Names the calling thread, for those who look at the process; without effect on what it does.
    private static func setName(_ name: String) {
        do {
            let file = try Directory.open(
                "/proc/thread-self/comm", in: .workingDirectory, .writeOnly)
            try FileIO.append([UInt8](name.utf8), to: file)
        } catch {
            Log.debug("a thread has no name", ["error": "\(error)"])
        }
    }

    private final class Body: Sendable {
        let name: String
        let run: @Sendable () -> Void

        init(_ name: String, _ run: @escaping @Sendable () -> Void) {
            self.name = name
            self.run = run
        }
    }
}

/// What threads hand to another thread, which waits for it.
///
/// Its bound is its senders': each request holds credit of its link.
@safe
// Unchecked: everything below is touched under the mutex alone.
final class Mailbox<Element: Sendable>: @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>
    private var elements: [Element] = []
    private var isClosed = false

    init() {
        unsafe mutex = .allocate(capacity: 1)
        unsafe condition = .allocate(capacity: 1)
        unsafe pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        unsafe pthread_condattr_init(&attributes)
        unsafe pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        unsafe pthread_cond_init(condition, &attributes)
        unsafe pthread_condattr_destroy(&attributes)
    }

    deinit {
        unsafe pthread_cond_destroy(condition)
        unsafe pthread_mutex_destroy(mutex)
        unsafe condition.deallocate()
        unsafe mutex.deallocate()
    }

    /// What waits.
    enum Mail {
        case elements([Element])
        /// Nothing came within the time.
        case nothing
        /// Nothing will come any more.
        case closed
    }

    func post(_ element: Element) {
        unsafe pthread_mutex_lock(mutex)
        elements.append(element)
        unsafe pthread_mutex_unlock(mutex)
        // Whoever wakes up wants the mutex.
        unsafe pthread_cond_signal(condition)
    }

    /// All of them at one time: whoever waits wakes up once.
    func post(_ more: [Element]) {
        unsafe pthread_mutex_lock(mutex)
        elements += more
        unsafe pthread_mutex_unlock(mutex)
        unsafe pthread_cond_signal(condition)
    }

    /// Nothing more will be posted; what waits is still taken.
    func close() {
        unsafe pthread_mutex_lock(mutex)
        isClosed = true
        unsafe pthread_cond_broadcast(condition)
        unsafe pthread_mutex_unlock(mutex)
    }

    /// All that waits; waits for the first, up to `timeout`, for ever where it is nil.
    func takeAll(timeout: Duration? = nil) -> Mail {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        guard wait(timeout) else { return isClosed ? .closed : .nothing }
        defer { elements = [] }
        return .elements(elements)
    }

    /// The first that waits, waited for; nil where there will be none.
    func takeOne() -> Element? {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        guard wait(nil) else { return nil }
        return elements.removeFirst()
    }

    /// Under the lock: whether something is there.
    private func wait(_ timeout: Duration?) -> Bool {
        var deadline = timespec()
        if let timeout {
            unsafe clock_gettime(CLOCK_MONOTONIC, &deadline)
            let (seconds, attoseconds) = timeout.components
            deadline.tv_sec += Int(seconds)
            deadline.tv_nsec += Int(attoseconds / 1_000_000_000)
            if deadline.tv_nsec >= 1_000_000_000 {
                deadline.tv_nsec -= 1_000_000_000
                deadline.tv_sec += 1
            }
        }
        while elements.isEmpty && !isClosed {
            if timeout == nil {
                unsafe pthread_cond_wait(condition, mutex)
            } else if unsafe pthread_cond_timedwait(condition, mutex, &deadline) == ETIMEDOUT {
                break
            }
        }
        return !elements.isEmpty
    }
}
