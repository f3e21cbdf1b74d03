package import IPC
package import Posix

/// A request of the other side, to be answered once, at once or later, on the loop's thread.
///
/// A request that is never answered keeps its credit; a link that ends forgets it.
package struct IncomingRequest {
    package let link: Link
    package let id: UInt64
    package let type: MessageType
    /// What came with the request; closed with this value unless taken.
    package let descriptor: DescriptorBox?

    /// False once the other side cancelled it, its link ended, or it was answered.
    package var isWanted: Bool { link.isWanted(id) }

    /// Answers, with a descriptor that is sent before and closed here once it is.
    /// - Returns: false where the answer is no longer wanted.
    @discardableResult
    package func answer(_ message: some Message, descriptor: DescriptorBox? = nil) -> Bool {
        link.answer(id, type: type, message, descriptor: descriptor)
    }

    /// Answers with an error.
    /// - Returns: false where the answer is no longer wanted.
    @discardableResult
    package func fail(_ error: RemoteError) -> Bool { link.fail(id, type: type, error) }
}
