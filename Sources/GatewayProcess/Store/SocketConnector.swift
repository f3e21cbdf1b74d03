internal import Model
internal import NIOCore
internal import NIOPosix
internal import Posix

/// Connects to the store's two Unix sockets.
final class SocketConnector: StoreConnector {
    private let loop: any EventLoop
    private let streamPath: BytePath
    private let descriptorPath: BytePath

    init(loop: any EventLoop, settings: GatewaySettings) {
        self.loop = loop
        streamPath = BytePath(settings.storeSocket)
        descriptorPath = BytePath(settings.storeDescriptorSocket)
    }

    func connect(token: Bits128, handler: StoreLinkHandler) throws(PosixError) -> DescriptorBox {
        let descriptors = try UnixSocket.connect(to: descriptorPath, .seqpacket)
        let stream = try UnixSocket.connect(to: streamPath, .stream)
        guard
            case .sent = try DescriptorSocket.send(
                DescriptorMessage.bytes(token: token), over: descriptors)
        else { throw PosixError(11, "send") }
        let bound = NIOLoopBound(handler, eventLoop: loop)
        ClientBootstrap(group: loop)
            .channelOption(
                .recvAllocator,
                value: AdaptiveRecvByteBufferAllocator(
                    minimum: GatewayLimits.readByteCountMin,
                    initial: GatewayLimits.readByteCountFirst,
                    maximum: GatewayLimits.readByteCountMax)
            )
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(bound.value)
                }
            }
            .withConnectedSocket(stream.release())
            .assumeIsolated()
            .whenFailure { error in
                Log.write(.warning, "the store's socket", ["error": "\(error)"])
                bound.value.failed()
            }
        return DescriptorBox(descriptors)
    }
}
