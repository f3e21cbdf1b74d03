internal import CLibUV
internal import Posix

/// The memory of one libuv handle, and the one place where a Swift object is retained for C.
///
/// libuv keeps pointers to a handle until the callback of `uv_close`. So the owner is retained from
/// the start of the handle to that callback, which then frees the memory; an owner that is never
/// closed lives as long as its loop.
@safe
final class Handle {
    private let memory: UnsafeMutableRawPointer
    private(set) var isClosing = false

    /// What a failed start leaves is freed at once: libuv knows nothing of such a handle.
    init(_ type: uv_handle_type, owner: HandleOwner, start: (Handle) -> Int32) throws(PosixError) {
        unsafe memory = UnsafeMutableRawPointer.allocate(
            byteCount: uv_handle_size(type), alignment: MemoryLayout<UInt64>.alignment)
        let result = start(self)
        if result < 0 {
            unsafe memory.deallocate()
            throw PosixError(-result, "libuv")
        }
        unsafe uv_handle_set_data(base, Unmanaged.passRetained(owner).toOpaque())
    }

    /// The handle as C's "base class".
    var base: UnsafeMutablePointer<uv_handle_t> { unsafe pointer(to: uv_handle_t.self) }

    /// The handle as its own type, which is that of `init`.
    func pointer<Kind>(to kind: Kind.Type) -> UnsafeMutablePointer<Kind> {
        unsafe memory.assumingMemoryBound(to: kind)
    }

    /// Ends the handle: no callback but the owner's `handleClosed` comes from here on.
    func close() {
        if isClosing { return }
        isClosing = true
        unsafe uv_close(base) { handle in
            guard let handle = unsafe handle else { return }
            let owner = unsafe Handle.retained(handle)
            unsafe UnsafeMutableRawPointer(handle).deallocate()
            owner.handleClosed()
        }
    }

    /// The owner of a handle of which C tells.
    static func owner<Owner: HandleOwner>(
        of handle: UnsafeMutableRawPointer?, as type: Owner.Type = Owner.self
    ) -> Owner {
        guard let handle = unsafe handle,
            let data = unsafe uv_handle_get_data(handle.assumingMemoryBound(to: uv_handle_t.self))
        else { preconditionFailure("libuv calls back for handles with an owner only") }
        let owner = unsafe Unmanaged<HandleOwner>.fromOpaque(data).takeUnretainedValue()
        return unsafe unsafeDowncast(owner, to: type)
    }

    /// The owner, with the reference that `init` gave to C.
    private static func retained(_ handle: UnsafeMutablePointer<uv_handle_t>) -> HandleOwner {
        guard let data = unsafe uv_handle_get_data(handle) else {
            preconditionFailure("a handle is closed once")
        }
        return unsafe Unmanaged<HandleOwner>.fromOpaque(data).takeRetainedValue()
    }
}

/// An object that owns a libuv handle.
package class HandleOwner {
    init() {}

    /// Ends what the handle watches; called for every handle when the loop ends.
    func closeHandle() { preconditionFailure("each kind of handle knows how it ends") }

    /// The handle's memory is gone.
    func handleClosed() {}
}
