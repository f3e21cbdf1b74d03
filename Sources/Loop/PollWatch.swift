internal import CLibUV
package import Posix

/// Calls back while a descriptor is readable or writable.
///
/// The descriptor stays its owner's, who keeps it open until `cancel()` returned and may close it at
/// once then. It becomes nonblocking. Regular files cannot be watched.
package final class PollWatch: HandleOwner {
    /// What to wait for, and what came.
    package struct Events: OptionSet, Sendable {
        package let rawValue: Int32
        package init(rawValue: Int32) { self.rawValue = rawValue }

        package static let readable = Events(rawValue: Int32(UV_READABLE.rawValue))
        package static let writable = Events(rawValue: Int32(UV_WRITABLE.rawValue))
        /// The other end of a socket is closed, though bytes may still wait to be read.
        package static let disconnected = Events(rawValue: Int32(UV_DISCONNECT.rawValue))
    }

    private var handle: Handle?
    private var body: ((Events) -> Void)?
    private var onClosed: (() -> Void)?
    /// What is waited for now.
    package private(set) var events: Events = []

    init(
        _ loop: EventLoop, _ rawDescriptor: Int32, onClosed: (() -> Void)? = nil,
        _ body: @escaping (Events) -> Void
    ) throws(PosixError) {
        self.body = body
        self.onClosed = onClosed
        super.init()
        handle = try Handle(UV_POLL, owner: self) { handle in
            unsafe uv_poll_init(loop.uv, handle.pointer(to: uv_poll_t.self), rawDescriptor)
        }
    }

    /// Waits for `events` from now on; for none, the descriptor is left alone.
    package func update(_ events: Events) {
        guard let handle, events != self.events else { return }
        self.events = events
        let poll = unsafe handle.pointer(to: uv_poll_t.self)
        let result: Int32
        if events.isEmpty {
            result = unsafe uv_poll_stop(poll)
        } else {
            result = unsafe uv_poll_start(poll, events.rawValue) { poll, status, events in
                unsafe Handle.owner(of: poll, as: PollWatch.self).ready(status, events)
            }
        }
        precondition(result == 0, "the handle is open and the descriptor valid")
    }

    private func ready(_ status: Int32, _ raw: Int32) {
        // An error of the descriptor is told as everything that was waited for: the read or write
        // that follows says which. libuv has stopped watching by then.
        if status < 0 {
            let waited = events
            events = []
            body?(waited)
        } else {
            body?(Events(rawValue: raw))
        }
    }

    /// Never calls from here on; the descriptor may be closed.
    package func cancel() {
        guard let handle else { return }
        update([])
        body = nil
        handle.close()
        self.handle = nil
    }

    override func closeHandle() { cancel() }

    override func handleClosed() {
        let onClosed = self.onClosed.take()
        onClosed?()
    }
}

extension EventLoop {
    /// Watches a descriptor, for nothing at first: `update` says what for.
    package func watch(
        _ descriptor: borrowing Descriptor, _ body: @escaping (PollWatch.Events) -> Void
    ) throws(PosixError) -> PollWatch {
        try PollWatch(self, descriptor.rawValue, body)
    }

    /// As above, for an owner that cannot lend what it is just taking over.
    package func watch(
        rawDescriptor: Int32, _ body: @escaping (PollWatch.Events) -> Void
    ) throws(PosixError) -> PollWatch {
        try PollWatch(self, rawDescriptor, body)
    }
}
