internal import IPC
internal import Loop
internal import Model
internal import Posix

/// What goes out: answers, and the way of frames and descriptors to the sockets.
extension Link {
    // MARK: Answers

    func isWanted(_ id: UInt64) -> Bool { isOpen && session.isWanted(id) }

    func answer(
        _ id: UInt64, type: MessageType, _ message: some Message, descriptor: DescriptorBox?
    ) -> Bool {
        guard isWanted(id) else { return false }
        guard descriptor == nil || descriptors != nil else {
            return fail(
                id, type: type, RemoteError(.invalid, "this link has no descriptor socket"))
        }
        if let descriptor { sendDescriptor(descriptor, for: id) }
        return session.answer(id, type: type, message, descriptor: descriptor != nil)
    }

    func fail(_ id: UInt64, type: MessageType, _ error: RemoteError) -> Bool {
        guard isWanted(id) else { return false }
        return session.fail(id, type: type, error)
    }

    // MARK: Descriptors

    /// Sends a descriptor before the frame of `id`, which the caller writes next.
    func sendDescriptor(_ descriptor: DescriptorBox, for id: UInt64) {
        guard let descriptors else {
            preconditionFailure("a descriptor for a link that has no descriptor socket")
        }
        if descriptors.isBlocked {
            // Everything said since the last one that waits belongs before this one.
            descriptors.hold(session.takeOutput())
            descriptors.hold(descriptor, for: id)
        } else if !descriptors.send(descriptor, for: id) {
            write(session.takeOutput())
            descriptors.hold(descriptor, for: id)
        }
    }

    // MARK: Writing

    /// Writes what was said in this turn, unless it waits behind a descriptor.
    func flush() {
        guard isOpen, !isAwaitingDescriptors else { return }
        if let descriptors, descriptors.isBlocked {
            while isOpen, let bytes = descriptors.advance() { write(bytes) }
            if descriptors.isBlocked { return applyPressure() }
        }
        if session.output.count > 0 {
            var bytes = session.takeOutput()
            write(bytes)
            // Where the kernel took all of it, its memory serves the next turn.
            bytes.removeAll(keepingCapacity: bytes.capacity <= IPCLimits.frameByteCountMax)
            session.output = ByteWriter(appendingTo: bytes)
        }
        applyPressure()
    }

    private func write(_ bytes: [UInt8]) {
        if bytes.isEmpty || connection.write(bytes) { return }
        if isOpen { close(.pendingLimit) }
    }

    // MARK: Back-pressure

    /// Bytes that wait for the other side to read.
    package var pendingByteCount: Int {
        connection.pendingByteCount + (descriptors?.heldByteCount ?? 0)
    }

    /// The other side does not read: what is not needed had better not be said now.
    package var isUnderPressure: Bool {
        pendingByteCount > TransportLimits.backPressureByteCount
            || descriptors?.isBlocked == true
    }

    /// Reads no more requests of a peer that does not read the answers.
    ///
    /// The acceptor alone: if both sides stopped, neither would ever read again. An initiator's own
    /// requests wait, and its answers are bounded by its credit.
    func applyPressure() {
        guard isOpen, side == .acceptor else { return }
        if isUnderPressure { connection.pauseReading() } else { connection.resumeReading() }
    }

    /// The other side has read everything.
    func relievePressure() {
        guard isOpen else { return }
        applyPressure()
        sendWaiting()
    }
}

extension Session {
    /// What stands in `output`, which is empty from then on.
    mutating func takeOutput() -> [UInt8] {
        let bytes = output.bytes
        output = ByteWriter(capacity: 0)
        return bytes
    }
}
