internal import CPosix
internal import Glibc

/// Descriptors as messages of a socket (`SCM_RIGHTS`). Nothing here waits.
package enum DescriptorSocket {
    /// What came of a send.
    package enum Sent: Sendable {
        case sent
        /// The socket is full: the same again once it is writable.
        case wouldBlock
    }

    /// What a receive found.
    package enum Received: ~Copyable {
        /// A message with a descriptor.
        case descriptor([UInt8], Descriptor)
        /// A message without.
        case bytes([UInt8])
        /// Nothing waits.
        case wouldBlock
        /// The other end is gone and everything was read.
        case closed
    }

    /// Sends `message` and a copy of `descriptor` with it.
    /// - Throws: `EPIPE` where the other end is gone; `ETOOMANYREFS` where too many of this user's
    ///   descriptors are under way.
    package static func send(
        _ descriptor: borrowing Descriptor, with message: [UInt8], over socket: borrowing Descriptor
    ) throws(PosixError) -> Sent {
        try send(rawDescriptor: descriptor.rawValue, message, over: socket)
    }

    /// Sends `message` alone.
    package static func send(
        _ message: [UInt8], over socket: borrowing Descriptor
    ) throws(PosixError) -> Sent {
        try send(rawDescriptor: -1, message, over: socket)
    }

    private static func send(
        rawDescriptor: Int32, _ message: [UInt8], over socket: borrowing Descriptor
    ) throws(PosixError) -> Sent {
        let count = message.count
        precondition(
            count > 0 && count <= PosixLimits.descriptorMessageBytesMax, "1 to 64 bytes")
        let raw = socket.rawValue
        let sent = unsafe message.withUnsafeBytes { bytes in
            unsafe cposix_send_descriptor(raw, rawDescriptor, bytes.baseAddress, count)
        }
        if sent == -Int(EAGAIN) { return .wouldBlock }
        _ = try checked("sendmsg", sent)
        return .sent
    }

    /// The next message, with at most one descriptor, which is CLOEXEC.
    /// - Throws: `ETOOMANYREFS` where a message brought more than one or lost some, `EMSGSIZE`
    ///   where it is longer than 64 bytes; what it brought has been closed.
    package static func receive(
        from socket: borrowing Descriptor
    ) throws(PosixError) -> Received {
        var found: Int32 = -1
        var received = 0
        let raw = socket.rawValue
        let message = unsafe [UInt8](
            unsafeUninitializedCapacity: PosixLimits.descriptorMessageBytesMax
        ) { buffer, count in
            received = unsafe cposix_receive_descriptor(
                raw, buffer.baseAddress, buffer.count, &found)
            count = max(0, received)
        }
        if received == -Int(EAGAIN) { return .wouldBlock }
        _ = try checked("recvmsg", received)
        if found >= 0 { return .descriptor(message, Descriptor(owning: found)) }
        return message.isEmpty ? .closed : .bytes(message)
    }
}
