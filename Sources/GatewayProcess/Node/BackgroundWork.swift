internal import NIOCore
internal import NIOPosix

/// Where a loop puts what may wait for a disk. A test runs it in place.
protocol BackgroundWork: AnyObject {
    /// Runs `work` elsewhere, then `completion` on the loop.
    func run(
        _ work: @escaping @Sendable () throws -> Void,
        completion: @escaping (Result<Void, any Error>) -> Void)
}

/// Work on the threads of a pool.
final class PoolWork: BackgroundWork {
    private let pool: NIOThreadPool
    private let loop: any EventLoop

    init(pool: NIOThreadPool, loop: any EventLoop) {
        self.pool = pool
        self.loop = loop
    }

    func run(
        _ work: @escaping @Sendable () throws -> Void,
        completion: @escaping (Result<Void, any Error>) -> Void
    ) {
        pool.runIfActive(eventLoop: loop) { try work() }.assumeIsolated().whenComplete(completion)
    }
}
