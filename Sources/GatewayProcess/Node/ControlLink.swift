internal import IPC
internal import Model
internal import NIOCore
internal import NIOPosix
internal import Posix

/// What the supervisor tells the gateway to do. On the control loop.
protocol ControlDelegate: AnyObject {
    /// - Throws: why the settings cannot be used.
    func configure(_ settings: Settings, ready: @escaping () -> Void) throws(SettingsFault)
    func progress(answer: @escaping (ProgressReport) -> Void)
    func workersChanged(_ status: NodeStatus)
    func drain(milliseconds: UInt32, done: @escaping () -> Void)
    /// The supervisor is gone, or speaks nonsense.
    func controlEnded(_ reason: String)
    /// The settings cannot be used: starting again would not help.
    func failPermanently(_ reason: String)
    /// The answer to `drain` has been written.
    func drainAnswered()
}

/// The gateway's end of the control link.
///
/// ```
///   hello ──▶ welcome ──▶ configure … answer, ready ──▶ progress, workers … ──▶ drain … answer
/// ```
final class ControlLink: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let delegate: any ControlDelegate
    private let generation: UInt64
    private var session: Session
    private var decoder = FrameDecoder()
    private var context: ChannelHandlerContext?
    /// What the supervisor was asked, by request id.
    private var asked: [UInt64: (Result<Void, RemoteError>) -> Void] = [:]

    init(generation: UInt64, delegate: any ControlDelegate) {
        self.generation = generation
        self.delegate = delegate
        session = Session(
            side: .initiator, role: .gateway, generation: generation, acceptedRoles: [.supervisor])
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if context.channel.isActive { begin() }
    }

    func channelActive(context: ChannelHandlerContext) { begin() }

    private func begin() {
        session.start()
        flush()
    }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelInactive(context: ChannelHandlerContext) {
        delegate.controlEnded("the supervisor is gone")
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        delegate.controlEnded("the control link failed: \(error)")
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        var decoder = self.decoder
        do {
            try decoder.feed(bytes.readableBytesSpan) { header, payload in
                received(header, payload)
                return true
            }
        } catch {
            delegate.controlEnded("a malformed frame: \(error)")
        }
        self.decoder = decoder
        flush()
    }

    private func received(_ header: FrameHeader, _ payload: RawSpan) {
        do throws(DecodeError) {
            switch session.frameReceived(header, payload: payload) {
            case .request(let id, let type): try request(id, type, payload)
            case .notice(.workers):
                delegate.workersChanged(try NodeStatus(decoding: payload))
            case .refused(let reason): delegate.controlEnded("refused: \(reason)")
            case .fault(let fault): delegate.controlEnded("\(fault)")
            case .response(let id, let isError): try answered(id, isError: isError, payload)
            case .established, .notice, .staleResponse, .cancelled, .creditChanged, .ignored: break
            }
        } catch {
            delegate.controlEnded("a malformed message: \(error)")
        }
    }

    private func request(
        _ id: UInt64, _ type: MessageType, _ payload: RawSpan
    ) throws(DecodeError) {
        switch type {
        case .configure: configure(id, try Settings(decoding: payload))
        case .progress:
            delegate.progress { [self] report in
                session.answer(id, type: .progress, report)
                flush()
            }
        case .drain:
            let drain = try DrainRequest(decoding: payload)
            delegate.drain(milliseconds: drain.milliseconds) { [self] in
                session.answer(id, type: .drain, Empty())
                flushAndLeave()
            }
        default:
            session.fail(id, type: type, RemoteError(.invalid, "A gateway knows no such request."))
        }
    }

    // MARK: Asking

    /// Asks the supervisor to restart a worker, or all. `completion` runs once, on the control loop.
    func restart(
        _ worker: String, completion: @escaping (Result<Void, RemoteError>) -> Void
    ) {
        // The session's own deadlines are not used: the timer below is.
        guard let context,
            let id = session.open(
                RestartRequest(worker: worker), type: .restartWorker, deadline: .seconds(1 << 40))
        else {
            return completion(
                .failure(RemoteError(.unavailable, "The supervisor takes no request.")))
        }
        asked[id] = completion
        flush()
        context.eventLoop.assumeIsolated().scheduleTask(
            in: .seconds(GatewayLimits.restartWaitSeconds)
        ) { [self] in
            guard let completion = asked.removeValue(forKey: id) else { return }
            session.cancel(id)
            flush()
            completion(
                .failure(RemoteError(.timedOut, "The supervisor does not say that it is done.")))
        }
    }

    private func answered(
        _ id: UInt64, isError: Bool, _ payload: RawSpan
    ) throws(DecodeError) {
        let result: Result<Void, RemoteError>
        if isError {
            result = .failure(try RemoteError(decoding: payload))
        } else {
            _ = try Empty(decoding: payload)
            result = .success(())
        }
        asked.removeValue(forKey: id)?(result)
    }

    private func configure(_ id: UInt64, _ settings: Settings) {
        do throws(SettingsFault) {
            try delegate.configure(settings) { [self] in
                session.notify(ReadyNotice(generation: generation), type: .ready)
                flush()
            }
            session.answer(id, type: .configure, Empty())
        } catch {
            session.fail(id, type: .configure, RemoteError(.invalid, error.message))
            flush()
            delegate.failPermanently(error.message)
        }
    }

    private func flush() { write(promise: nil) }

    private func write(promise: EventLoopPromise<Void>?) {
        guard let context, context.channel.isActive, session.output.count > 0 else {
            promise?.succeed()
            return
        }
        let buffer = context.channel.allocator.buffer(bytes: session.output.bytes)
        session.output = ByteWriter()
        context.writeAndFlush(wrapOutboundOut(buffer), promise: promise)
    }

    private func flushAndLeave() {
        guard let context else { return delegate.drainAnswered() }
        let promise = context.eventLoop.makePromise(of: Void.self)
        promise.futureResult.assumeIsolated().whenComplete { [self] _ in
            delegate.drainAnswered()
        }
        write(promise: promise)
    }
}
