import Foundation
import Loop
import Posix
import Synchronization

/// A test that did not come to its end.
struct TookTooLong: Error {}

/// Runs a loop on a thread of its own: `setUp` makes what it watches and gives what to return once
/// somebody stopped the loop. A loop that nobody stops ends after five minutes with an error: the tasks
/// that a test waits for may stand in line behind those of all others.
func onLoop<Result: Sendable>(
    _ setUp: @escaping @Sendable (EventLoop) throws -> () throws -> Result
) async throws -> Result {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread {
            continuation.resume(
                with: Swift.Result {
                    let loop = try EventLoop()
                    let result = try setUp(loop)
                    let tookTooLong = Box(false)
                    let guardian = try loop.schedule(after: .seconds(300)) {
                        tookTooLong.value = true
                        loop.stop()
                    }
                    loop.run()
                    guardian.cancel()
                    if tookTooLong.value { throw TookTooLong() }
                    return try result()
                })
        }
    }
}

/// A variable that several closures of one loop share.
final class Box<Value> {
    var value: Value
    init(_ value: Value) { self.value = value }
}

/// Values noted in order, from any thread.
final class Recorder: Sendable {
    private let noted = Mutex<[Int]>([])
    func append(_ value: Int) { noted.withLock { $0.append(value) } }
    var values: [Int] { noted.withLock { $0 } }
}

/// One value, from any thread.
final class Mutexed<Value: Sendable>: Sendable {
    private let value: Mutex<Value>
    init(_ value: Value) { self.value = Mutex(value) }
    func set(_ new: Value) { value.withLock { $0 = new } }
    func get() -> Value { value.withLock { $0 } }
}
