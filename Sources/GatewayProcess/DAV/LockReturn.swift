internal import IPC
internal import Model
internal import NIOCore

/// Gives a lock back of which no client will hear.
///
/// The store may still be granting it when its answer is not waited for any longer. Then there is nothing
/// to give back yet, and it is tried again while the store may be at it.
final class LockReturn {
    private let context: LoopContext
    private let path: StorePath
    private let token: LockToken
    /// Whether the lock may be granted only later.
    private let mayBeLate: Bool
    private var attempt = 0

    private init(_ context: LoopContext, _ path: StorePath, _ token: LockToken, mayBeLate: Bool) {
        self.context = context
        self.path = path
        self.token = token
        self.mayBeLate = mayBeLate
    }

    /// - Parameter then: after the first attempt, whatever came of it.
    static func start(
        _ context: LoopContext, _ path: StorePath, _ token: LockToken, mayBeLate: Bool = false,
        then: @escaping () -> Void = {}
    ) {
        LockReturn(context, path, token, mayBeLate: mayBeLate).give(then)
    }

    private func give(_ then: @escaping () -> Void) {
        attempt += 1
        let message = UnlockMessage(
            operation: context.makeOperationID(), path: path, token: token)
        context.link.call(.unlock(message)) { [self] reply in
            if case .failed(let error) = reply { failed(error) }
            then()
        }
    }

    private func failed(_ error: RemoteError) {
        let isGone = error.code == .lockNotFound
        if isGone, !mayBeLate { return }
        guard attempt < GatewayLimits.lockReturnAttemptsMax else {
            if isGone { return }
            return Log.write(
                .warning, "a lock that nobody has stays until its time is over",
                ["path": "\(path)", "error": error.message])
        }
        context.eventLoop.assumeIsolated().scheduleTask(
            in: .seconds(GatewayLimits.lockReturnSeconds)
        ) { [self] in give {} }
    }
}

extension RemoteError {
    /// Whether what was asked for may be done all the same.
    var leavesOutcomeOpen: Bool {
        switch code {
        case .unavailable, .internalError, .timedOut, .cancelled, .clockInDoubt: true
        case .notFound, .isDirectory, .notDirectory, .directoryNotEmpty, .preconditionFailed,
            .noSpace, .invalid, .checksumMismatch, .readOnly, .unknownUpload, .tooLarge,
            .preconditionFailedInReach, .quotaExceeded, .locked, .lockNotFound, .tooManyLocks:
            false
        }
    }
}
