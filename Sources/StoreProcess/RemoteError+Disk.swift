internal import IPC

extension RemoteError {
    static let noSpace = RemoteError(
        .noSpace, "the disk is full", hint: "delete files or add space; then try again")

    static let broken = RemoteError(
        .internalError, "the store could not do this; its log says why")
}
