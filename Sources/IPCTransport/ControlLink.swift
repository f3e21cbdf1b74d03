package import IPC
package import Loop
package import Posix

/// The link between the supervisor and one worker, over the socketpair that the worker inherits. It
/// has no descriptor socket. The worker is the initiator.
package enum ControlLink {
    /// The worker's end.
    package static func worker(
        _ loop: EventLoop, _ socket: consuming Descriptor, role: Role, generation: UInt64
    ) throws(PosixError) -> Link {
        let session = Session(
            side: .initiator, role: role, generation: generation, acceptedRoles: [.supervisor])
        return try Link(loop, socket, side: .initiator, session: session)
    }

    /// The supervisor's end, for a worker that was started as `role`. Its generation is that of the
    /// other end, which the caller compares with the one it started.
    package static func supervisor(
        _ loop: EventLoop, _ socket: consuming Descriptor, worker role: Role
    ) throws(PosixError) -> Link {
        let session = Session(
            side: .acceptor, role: .supervisor, generation: 0, acceptedRoles: [role])
        return try Link(loop, socket, side: .acceptor, session: session)
    }
}
