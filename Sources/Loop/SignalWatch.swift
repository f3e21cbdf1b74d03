internal import CLibUV
package import Posix

/// Calls back on the loop's thread when the process gets a signal, until `cancel()`.
package final class SignalWatch: HandleOwner {
    private var handle: Handle?
    private var body: (() -> Void)?

    fileprivate init(
        _ loop: EventLoop, _ number: Int32, _ body: @escaping () -> Void
    ) throws(PosixError) {
        self.body = body
        super.init()
        let handle = try Handle(UV_SIGNAL, owner: self) { handle in
            unsafe uv_signal_init(loop.uv, handle.pointer(to: uv_signal_t.self))
        }
        self.handle = handle
        let result = unsafe uv_signal_start(
            handle.pointer(to: uv_signal_t.self),
            { watch, _ in unsafe Handle.owner(of: watch, as: SignalWatch.self).body?() }, number)
        if result < 0 {
            cancel()
            throw PosixError(-result, "uv_signal_start")
        }
    }

    /// Never calls from here on; the signal does again what it does by default.
    package func cancel() {
        body = nil
        handle?.close()
        handle = nil
    }

    override func closeHandle() { cancel() }
}

extension EventLoop {
    /// Calls `body` for each signal `number`; several that come at once may be one call.
    package func watchSignal(
        _ number: Int32, _ body: @escaping () -> Void
    ) throws(PosixError) -> SignalWatch {
        try SignalWatch(self, number, body)
    }
}
