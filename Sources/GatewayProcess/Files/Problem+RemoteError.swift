internal import IPC

extension Problem {
    /// What a client is told of a store's error. The store's words are for people already.
    init(_ error: RemoteError) {
        let (status, code): (Status, String) =
            switch error.code {
            case .notFound: (.notFound, "not_found")
            case .isDirectory: (.conflict, "is_directory")
            case .notDirectory: (.conflict, "not_directory")
            case .directoryNotEmpty: (.conflict, "directory_not_empty")
            case .preconditionFailed, .preconditionFailedInReach:
                (.preconditionFailed, "precondition_failed")
            case .noSpace: (.insufficientStorage, "no_space")
            case .quotaExceeded: (.insufficientStorage, "quota_exceeded")
            case .invalid: (.badRequest, "invalid")
            case .checksumMismatch: (.unprocessable, "checksum_mismatch")
            case .unavailable: (.unavailable, "unavailable")
            case .locked: (.locked, "locked")
            case .lockNotFound: (.conflict, "lock_not_found")
            case .tooManyLocks: (.insufficientStorage, "too_many_locks")
            case .clockInDoubt: (.unavailable, "unavailable")
            case .readOnly: (.unavailable, "read_only")
            case .unknownUpload: (.unavailable, "upload_lost")
            case .internalError: (.internalError, "internal")
            case .tooLarge: (.contentTooLarge, "too_large")
            case .timedOut: (.gatewayTimeout, "timed_out")
            case .cancelled: (.unavailable, "cancelled")
            }
        self.init(status, code, error.message, hint: error.hint)
        isDecidedInReach = error.code == .preconditionFailedInReach
    }
}
