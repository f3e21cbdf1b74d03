internal import NIOCore

/// How answers go out: at once where they are small, else piece by piece, as the client takes them.
extension Connection {
    func makeWriter(_ status: Status, capacity: Int) -> HeadWriter {
        let buffer = channel?.channel.allocator.buffer(capacity: capacity) ?? ByteBuffer()
        return HeadWriter(buffer, status: status, date: context.dateText())
    }

    /// Decides what becomes of a body that has not been read when the answer begins, and says
    /// whether the connection is kept.
    private func beginAnswer(_ exchange: Exchange, _ writer: inout HeadWriter) {
        precondition(!exchange.responseHasBegun, "two answers to one request")
        exchange.responseHasBegun = true
        if !exchange.requestHasEnded {
            if let sink = exchange.sink {
                exchange.sink = nil
                sink.aborted()
            }
            // A client that was not told to go on may or may not send its body: only closing
            // leaves no doubt where the next request begins.
            let isShort = parser.bodyByteCountLeft.map { $0 <= GatewayLimits.discardByteCountMax }
            if isShort == true, !exchange.awaitsContinue {
                exchange.sink = DiscardSink()
                setDeadline(seconds: GatewayLimits.progressSeconds)
            } else {
                exchange.keepsAlive = false
            }
        }
        if context.isDraining || inputHasEnded { exchange.keepsAlive = false }
        if !exchange.keepsAlive {
            writer.field("Connection", "close")
        } else if !exchange.head.isVersion11 {
            writer.field("Connection", "keep-alive")
        }
    }

    /// Answers at once; nil for `body` means an answer that has none by its nature.
    func respond(
        _ exchange: Exchange, _ status: Status, body: (some Collection<UInt8>)?,
        fields: (inout HeadWriter) -> Void
    ) {
        guard let channel else { return }
        var writer = makeWriter(status, capacity: 640 + (body?.count ?? 0))
        fields(&writer)
        if let body { writer.field("Content-Length", UInt64(body.count)) }
        beginAnswer(exchange, &writer)
        writer.end()
        var buffer = writer.take()
        if let body, exchange.head.method != .head { buffer.writeBytes(body) }
        channel.write(wrapOutboundOut(.byteBuffer(buffer)), promise: nil)
        answerEnded(exchange)
    }

    private func answerEnded(_ exchange: Exchange) {
        exchange.responseHasEnded = true
        unsentByteCount = Int.max
        context.answeredCount += 1
        needsFlush = true
        if exchange.requestHasEnded { deadline = nil }
        process()
    }

    /// Answers with a body that comes piece by piece.
    func stream(
        _ exchange: Exchange, _ status: Status, byteCount: UInt64?, from source: any BodySource,
        fields: (inout HeadWriter) -> Void
    ) {
        guard let channel else { return source.closed() }
        var writer = makeWriter(status, capacity: 1024)
        fields(&writer)
        if let byteCount {
            writer.field("Content-Length", byteCount)
        } else if exchange.head.isVersion11 {
            exchange.isChunked = true
            writer.field("Transfer-Encoding", "chunked")
        } else {
            // HTTP/1.0 knows the end of such a body by the end of the connection.
            exchange.keepsAlive = false
        }
        beginAnswer(exchange, &writer)
        writer.end()
        channel.write(wrapOutboundOut(.byteBuffer(writer.take())), promise: nil)
        if exchange.head.method == .head {
            source.closed()
            return answerEnded(exchange)
        }
        exchange.source = source
        needsFlush = true
        setDeadline(seconds: GatewayLimits.progressSeconds)
        pump(exchange)
        process()
    }

    func resumeSource(_ exchange: Exchange) {
        pump(exchange)
        process()
    }

    /// Sends what the source has while the client takes it.
    func pump(_ exchange: Exchange) {
        guard !isPumping, let channel else { return }
        isPumping = true
        defer { isPumping = false }
        var hasWritten = false
        var mayFlush = true
        var turnByteCount = 0
        while let source = exchange.source {
            if turnByteCount > GatewayLimits.turnByteCountMax {
                channel.flush()
                return resumeNextTurn(exchange, channel)
            }
            // Writability changes at a flush only.
            if !channel.channel.isWritable {
                guard hasWritten, mayFlush else { break }
                channel.flush()
                mayFlush = false
                continue
            }
            mayFlush = true
            setDeadline(seconds: GatewayLimits.progressSeconds)
            unsentByteCount = Int.max
            switch source.next() {
            case .bytes(let bytes):
                write(bytes, exchange, to: channel)
                hasWritten = true
            case .file(let region):
                turnByteCount += region.readableBytes
                channel.write(wrapOutboundOut(.fileRegion(region)), promise: nil)
                hasWritten = true
            case .wait:
                // What the source waits for has its own time-out.
                deadline = nil
                if hasWritten { channel.flush() }
                return
            case .failed: return close()
            case .end: return endStream(exchange, source, channel)
            }
        }
        if hasWritten { channel.flush() }
    }

    /// Others on this loop have their turn first.
    private func resumeNextTurn(_ exchange: Exchange, _ channel: ChannelHandlerContext) {
        channel.eventLoop.assumeIsolated().execute { [self] in resumeSource(exchange) }
    }

    private func endStream(
        _ exchange: Exchange, _ source: any BodySource, _ channel: ChannelHandlerContext
    ) {
        var last = channel.channel.allocator.buffer(capacity: 8)
        if exchange.isChunked { last.writeStaticString("0\r\n\r\n") }
        exchange.source = nil
        // A source's file stays open until its last byte is in the socket.
        let written = channel.eventLoop.makePromise(of: Void.self)
        written.futureResult.assumeIsolated().whenComplete { _ in source.closed() }
        channel.writeAndFlush(wrapOutboundOut(.byteBuffer(last)), promise: written)
        answerEnded(exchange)
    }

    private func write(
        _ bytes: ByteBuffer, _ exchange: Exchange, to channel: ChannelHandlerContext
    ) {
        guard exchange.isChunked else {
            return channel.write(wrapOutboundOut(.byteBuffer(bytes)), promise: nil)
        }
        guard bytes.readableBytes > 0 else { return }
        var framed = channel.channel.allocator.buffer(capacity: bytes.readableBytes + 20)
        framed.writeString(String(bytes.readableBytes, radix: 16))
        framed.writeStaticString("\r\n")
        framed.writeImmutableBuffer(bytes)
        framed.writeStaticString("\r\n")
        channel.write(wrapOutboundOut(.byteBuffer(framed)), promise: nil)
    }
}
