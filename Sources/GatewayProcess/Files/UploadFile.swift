internal import Glibc
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
        var descriptor: Descriptor?
        var hasher = ContentHasher()
        var byteCount: Int64 = 0
    }

    private let state: Mutex<State>

    init(_ descriptor: consuming sending Descriptor) {
        state = Mutex(State(descriptor: descriptor))
    }

    /// Appends the pieces and takes them into the hash. May wait for the disk.
    func append(_ pieces: [ByteBuffer]) throws(PosixError) {
        var failure: PosixError?
        state.withLock { state in
            for piece in pieces where failure == nil {
                unsafe piece.withUnsafeReadableBytes { bytes in
                    unsafe failure = UploadFile.append(bytes, to: &state)
                }
            }
        }
        if let failure { throw failure }
    }

    private static func append(
        _ bytes: UnsafeRawBufferPointer, to state: inout State
    ) -> PosixError? {
        unsafe state.hasher.update(bytes)
        let offset = state.byteCount
        state.byteCount += Int64(bytes.count)
        switch state.descriptor {
        case .some(let descriptor):
            do throws(PosixError) {
                unsafe try FileIO.write(bytes, to: descriptor, at: offset)
                return nil
            } catch {
                return error
            }
        case .none: return PosixError(EBADF, "pwrite")
        }
    }

    /// Closes the file: from here on this process cannot change it.
    /// - Returns: what was written.
    func close() -> (digest: Digest, byteCount: UInt64) {
        state.withLock { state in
            state.descriptor = nil
            return (state.hasher.digest(), UInt64(state.byteCount))
        }
    }
}
