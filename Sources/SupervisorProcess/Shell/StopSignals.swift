internal import Glibc
internal import Loop
internal import Posix
internal import Supervision

/// The signals by which this process is asked to stop; the second one is meant.
final class StopSignals {
    private let log: LogStream
    private let onStop: (NodeLife.StopStyle) -> Void
    private var watches: [SignalWatch] = []
    private var count = 0

    /// Watches from here on.
    init(
        _ loop: EventLoop, _ log: LogStream, onStop: @escaping (NodeLife.StopStyle) -> Void
    ) throws(PosixError) {
        self.log = log
        self.onStop = onStop
        watches = [
            try loop.watchSignal(SIGTERM) { [unowned self] in signalled(.orderly, "SIGTERM") },
            try loop.watchSignal(SIGINT) { [unowned self] in signalled(.quick, "SIGINT") },
        ]
        // A closed terminal stops the node in order, but nohup is honoured.
        if !SignalDisposition.isIgnored(SIGHUP) {
            watches.append(
                try loop.watchSignal(SIGHUP) { [unowned self] in signalled(.orderly, "SIGHUP") })
        }
    }

    private func signalled(_ style: NodeLife.StopStyle, _ name: String) {
        count += 1
        let again = count > 1
        log.say(.notice, again ? "\(name) again: ending at once" : "\(name): stopping")
        onStop(again ? .kill : style)
    }
}

/// What a signal did before this program said anything about it.
private enum SignalDisposition {
    /// Leaves the signal ignored; who wants it otherwise sets its handler afterwards.
    static func isIgnored(_ number: Int32) -> Bool {
        let before = signal(number, SIG_IGN)
        return unsafe unsafeBitCast(before, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
    }
}
