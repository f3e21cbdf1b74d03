internal import Glibc
package import Posix

/// Accepts the connections of a listening descriptor: Unix or TCP, made here or inherited.
///
/// While nothing accepts, connects wait in the kernel's backlog; so a listener may end in one
/// process and go on in another that has the same descriptor.
package final class StreamListener {
    private let loop: EventLoop
    private let descriptor: Descriptor
    private var watch: PollWatch?
    private var rest: LoopTimer?
    private let onAccept: (consuming Descriptor) -> Void
    private let onError: (PosixError) -> Void

    /// Starts accepting; `onError` is told what accepting failed with, and it goes on.
    package init(
        _ loop: EventLoop, _ descriptor: consuming Descriptor,
        onError: @escaping (PosixError) -> Void,
        onAccept: @escaping (consuming Descriptor) -> Void
    ) throws(PosixError) {
        self.loop = loop
        self.descriptor = descriptor
        self.onAccept = onAccept
        self.onError = onError
        let raw = self.descriptor.rawValue
        let watch = try PollWatch(loop, raw) { [unowned self] _ in accept() }
        self.watch = watch
        watch.update(.readable)
    }

    deinit { close() }

    /// Accepts no more; the descriptor is closed with this object.
    package func close() {
        watch?.cancel()
        watch = nil
        rest?.cancel()
        rest = nil
    }

    private func accept() {
        for _ in 0..<LoopLimits.acceptsPerTurnMax where watch != nil {
            do throws(PosixError) {
                switch try UnixSocket.accept(from: descriptor) {
                case .some(let accepted): onAccept(accepted)
                case .none: return
                }
            } catch {
                onError(error)
                // The connection stays in the backlog, so the descriptor stays readable.
                if [EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(error.code) { takeRest() }
                return
            }
        }
    }

    private func takeRest() {
        do throws(PosixError) {
            watch?.update([])
            rest = try loop.schedule(after: LoopLimits.acceptRest) { [unowned self] in
                rest = nil
                watch?.update(.readable)
            }
        } catch {
            watch?.update(.readable)
        }
    }
}
