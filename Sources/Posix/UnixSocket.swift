internal import CPosix
internal import Glibc

/// Sockets of this machine, named by a path or made in pairs; all nonblocking and CLOEXEC.
package enum UnixSocket {
    package enum Kind: Sendable {
        /// Bytes in order, without borders.
        case stream
        /// Whole messages in order, each of which may carry a descriptor.
        case seqpacket
    }

    /// Listens at `path`; a socket left there by an earlier life is replaced.
    ///
    /// The file has `mode` from the moment it exists. Paths longer than a socket address (107 bytes)
    /// work too.
    /// - Throws: `EADDRINUSE` where something other than a socket has the name.
    package static func listen(
        at path: BytePath, _ kind: Kind, mode: UInt32 = 0o600,
        backlog: Int32 = PosixLimits.listenBacklog
    ) throws(PosixError) -> Descriptor {
        let made = unsafe try path.call("bind") { path in
            unsafe cposix_unix_listen(path, kind == .stream ? 1 : 0, backlog, mode)
        }
        return Descriptor(owning: made)
    }

    /// Connects to the listener at `path`.
    /// - Throws: `EAGAIN` where its backlog is full, `ECONNREFUSED` or `ENOENT` where there is none.
    package static func connect(
        to path: BytePath, _ kind: Kind
    ) throws(PosixError) -> Descriptor {
        let made = unsafe try path.call("connect") { path in
            unsafe cposix_unix_connect(path, kind == .stream ? 1 : 0)
        }
        return Descriptor(owning: made)
    }

    /// Two connected ends: `take` each once.
    package static func pair(_ kind: Kind) throws(PosixError) -> SocketPair {
        var ends: (Int32, Int32) = (-1, -1)
        let result = unsafe withUnsafeMutableBytes(of: &ends) { bytes in
            unsafe cposix_socketpair(
                kind == .stream ? 1 : 0,
                bytes.baseAddress?.assumingMemoryBound(to: Int32.self))
        }
        _ = try checked("socketpair", result)
        return SocketPair(
            first: Descriptor(owning: ends.0), second: Descriptor(owning: ends.1))
    }

    /// One connection that waits at `listener`, or nil.
    package static func accept(
        from listener: borrowing Descriptor
    ) throws(PosixError) -> Descriptor? {
        let accepted = cposix_accept(listener.rawValue)
        if accepted == -EAGAIN { return nil }
        return Descriptor(owning: try checked("accept4", accepted))
    }

    /// The process at the other end, as the kernel noted it when that end was made or connected.
    package static func peerPID(of socket: borrowing Descriptor) throws(PosixError) -> Int32 {
        try checked("getsockopt", cposix_peer_pid(socket.rawValue))
    }
}

/// What a socket is told about itself.
package enum SocketOption {
    /// Bounds what the kernel keeps for the other end, its own overhead included.
    package static func setSendBuffer(
        of socket: borrowing Descriptor, to byteCount: Int
    ) throws(PosixError) {
        // The kernel doubles what it is given, for that overhead.
        var half = Int32(clamping: byteCount / 2)
        let raw = socket.rawValue
        _ = try retrying("setsockopt") {
            unsafe setsockopt(
                raw, SOL_SOCKET, SO_SNDBUF, &half, socklen_t(MemoryLayout<Int32>.size))
        }
    }
}

/// Two connected sockets: lent as properties, given away by `take` or `boxed`.
package struct SocketPair: ~Copyable {
    package let first: Descriptor
    package let second: Descriptor

    /// Both ends to `body`, which owns them.
    package consuming func take<Result: ~Copyable>(
        _ body: (consuming Descriptor, consuming Descriptor) -> Result
    ) -> Result {
        body(first, second)
    }

    /// Both ends in boxes, for places that cannot hold what cannot be copied.
    package consuming func boxed() -> (first: DescriptorBox, second: DescriptorBox) {
        take { (DescriptorBox($0), DescriptorBox($1)) }
    }
}
