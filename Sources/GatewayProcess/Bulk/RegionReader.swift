internal import Glibc
internal import NIOCore
internal import Posix

/// Reads the files that a connection's handlers send, where the kernel cannot copy them to the socket: what
/// is encrypted has to pass through this process.
///
/// Regions are bounded, and whoever sends them has read cold ones ahead on another thread.
final class RegionReader: ChannelOutboundHandler {
    typealias OutboundIn = IOData
    typealias OutboundOut = ByteBuffer

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .byteBuffer(let bytes): context.write(wrapOutboundOut(bytes), promise: promise)
        case .fileRegion(let region):
            do {
                let bytes = try RegionReader.read(region, context.channel.allocator)
                context.write(wrapOutboundOut(bytes), promise: promise)
            } catch {
                promise?.fail(error)
                // Of the content that was announced nothing more can be said.
                context.close(promise: nil)
            }
        }
    }

    private static func read(
        _ region: FileRegion, _ allocator: ByteBufferAllocator
    ) throws -> ByteBuffer {
        var buffer = allocator.buffer(capacity: region.readableBytes)
        var offset = region.readerIndex
        while offset < region.endIndex {
            let wanted = region.endIndex - offset
            let count = try region.fileHandle.withUnsafeFileDescriptor { descriptor in
                unsafe buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: wanted) { room in
                    max(0, unsafe pread(descriptor, room.baseAddress, wanted, off_t(offset)))
                }
            }
            guard count > 0 else { throw PosixError(EIO, "pread") }
            offset += count
        }
        return buffer
    }
}
