internal import IPC
internal import Model
internal import Posix

/// A request of this side from `request` to its answer: what to cancel it by.
package final class OutgoingRequest {
    /// Writes the frame of the request under this id.
    let send: (inout Session, UInt64) -> Void
    /// What goes with it; kept for sending it again over another link.
    let descriptor: DescriptorBox?
    let deadline: Duration
    /// Decodes the answer and hands it on.
    let answered: (RawSpan, DescriptorBox?) throws(DecodeError) -> Void
    /// `isLinkLost`: the request may or may not have been done.
    let failed: (_ error: RemoteError, _ isLinkLost: Bool) -> Void
    /// The id on the wire, once it has one.
    var id: UInt64?
    /// Its place among the requests of a `LinkClient`, and what stands for it on the link.
    var number: UInt64 = 0
    var sent: OutgoingRequest?
    /// Answered, failed or cancelled: never calls back again.
    var isDone = false

    init(
        deadline: Duration, descriptor: DescriptorBox?,
        send: @escaping (inout Session, UInt64) -> Void,
        answered: @escaping (RawSpan, DescriptorBox?) throws(DecodeError) -> Void,
        failed: @escaping (RemoteError, Bool) -> Void
    ) {
        self.deadline = deadline
        self.descriptor = descriptor
        self.send = send
        self.answered = answered
        self.failed = failed
    }

    /// A request whose answer is an `Answer`.
    static func make<Answer: Message>(
        _ message: some Message, type: MessageType, deadline: Duration, descriptor: DescriptorBox?,
        completion: @escaping (Result<Answer, RemoteError>, DescriptorBox?) -> Void
    ) -> OutgoingRequest {
        let hasDescriptor = descriptor != nil
        return OutgoingRequest(
            deadline: deadline, descriptor: descriptor,
            send: { session, id in
                FrameWriter.append(
                    message, type: type, flags: hasDescriptor ? .descriptor : [], requestID: id,
                    to: &session.output)
            },
            answered: { (payload, received) throws(DecodeError) in
                completion(.success(try Answer(decoding: payload)), received)
            },
            failed: { error, _ in completion(.failure(error), nil) })
    }
}
