internal import Glibc
internal import IPC
internal import Model
internal import NIOCore
internal import Posix
internal import Synchronization

/// A staging file that is being written, and the hash of what was written so far.
///
/// Written on a thread of the pool, one piece after another, and closed on the loop between two
/// pieces: the lock is never waited for.
final class UploadFile: Sendable {
    private struct State: ~Copyable {
        /// Nil: closed.
        var writer: StagingWriter?
        var hasher = ContentHasher()
        var byteCount: UInt64 = 0
        /// Whether the file has all that it will have.
        var isFinished: Bool
    }

    private let state: Mutex<State>

    /// - Parameter sealing: as the store wants it; nil: as it is.
    init(
        _ descriptor: consuming sending Descriptor, _ sealing: StagingSealing? = nil
    ) throws(StagingWriter.Unsealable) {
        let writer = try StagingWriter(descriptor, sealing)
        let isFinished = writer.isFinished
        state = Mutex(State(writer: consume writer, isFinished: isFinished))
    }

    /// Whether nothing has to be written behind the content's last byte.
    var isFinished: Bool { state.withLock { $0.isFinished } }

    /// Appends the pieces and takes them into the hash. May wait for the disk.
    /// - Parameter endsContent: whether the content ends with them.
    func append(_ pieces: [ByteBuffer], endsContent: Bool = false) throws(PosixError) {
        var failure: PosixError?
        state.withLock { state in
            for piece in pieces where failure == nil {
                unsafe piece.withUnsafeReadableBytes { bytes in
                    unsafe failure = UploadFile.append(bytes, to: &state)
                }
            }
            if endsContent, failure == nil { failure = UploadFile.finish(&state) }
        }
        if let failure { throw failure }
    }

    private static func append(
        _ bytes: UnsafeRawBufferPointer, to state: inout State
    ) -> PosixError? {
        guard state.writer != nil else { return PosixError(EBADF, "pwrite") }
        unsafe state.hasher.update(bytes)
        state.byteCount += UInt64(bytes.count)
        do throws(PosixError) {
            unsafe try state.writer?.append(bytes)
            return nil
        } catch {
            return error
        }
    }

    private static func finish(_ state: inout State) -> PosixError? {
        do throws(PosixError) {
            try state.writer?.finish()
            state.isFinished = true
            return nil
        } catch {
            return error
        }
    }

    /// Closes the file: from here on this process cannot change it.
    /// - Returns: what was written.
    func close() -> (digest: Digest, byteCount: UInt64) {
        state.withLock { state in
            state.writer = nil
            return (state.hasher.digest(), state.byteCount)
        }
    }
}
