import Foundation
import Loop
import Posix
import Synchronization
import Testing

actor Pinned {
    let loop: EventLoop
    private(set) var count = 0

    init(_ loop: EventLoop) { self.loop = loop }

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    func touch() -> Bool {
        count += 1
        return loop.isOnLoopThread
    }

    /// As a callback of the loop enters the actor: without a task or a hop.
    nonisolated func touchAtOnce() -> Int {
        assumeIsolated { actor in
            actor.count += 1
            return actor.count
        }
    }
}

@Suite struct EventLoopTests {
    @Test func timersFireInTheOrderOfTheirTimes() async throws {
        let order = try await onLoop { loop in
            let order = Box<[Int]>([])
            for delay in [30, 10, 20] {
                _ = try loop.schedule(after: .milliseconds(delay)) {
                    order.value.append(delay)
                    if delay == 30 { loop.stop() }
                }
            }
            return { order.value }
        }
        #expect(order == [10, 20, 30])
    }

    @Test func timerIsNeverEarly() async throws {
        let waited = try await onLoop { loop in
            let start = loop.now
            let waited = Box(Duration.zero)
            _ = try loop.schedule(after: .microseconds(10_500)) {
                waited.value = loop.now - start
                loop.stop()
            }
            return { waited.value }
        }
        #expect(waited >= .microseconds(10_500))
    }

    @Test func cancelledTimerIsSilent() async throws {
        let fired = try await onLoop { loop in
            let fired = Box(false)
            let timer = try loop.schedule(after: .milliseconds(1)) { fired.value = true }
            timer.cancel()
            timer.cancel()
            _ = try loop.schedule(after: .milliseconds(20)) { loop.stop() }
            return { fired.value }
        }
        #expect(!fired)
    }

    @Test func repeatingTimerRepeatsUntilCancelled() async throws {
        let count = try await onLoop { loop in
            let count = Box(0)
            let timer = Box<LoopTimer?>(nil)
            timer.value = try loop.schedule(every: .milliseconds(1)) {
                count.value += 1
                if count.value == 5 {
                    timer.value?.cancel()
                    loop.stop()
                }
            }
            return { count.value }
        }
        #expect(count == 5)
    }

    @Test func postFromManyThreadsLosesNone() async throws {
        let (threads, each) = (8, 5_000)
        let sum = try await onLoop { loop in
            let recorder = Recorder()
            for _ in 0..<threads {
                Thread.detachNewThread {
                    for _ in 0..<each {
                        loop.post {
                            recorder.append(1)
                            if recorder.values.count == threads * each { loop.stop() }
                        }
                    }
                }
            }
            return { recorder.values.count }
        }
        #expect(sum == threads * each)
    }

    @Test func postsOfOneThreadStayInOrder() async throws {
        let order = try await onLoop { loop in
            let order = Recorder()
            Thread.detachNewThread {
                for index in 0..<1_000 { loop.post { order.append(index) } }
                loop.post { loop.stop() }
            }
            return { order.values }
        }
        #expect(order == Array(0..<1_000))
    }

    @Test func workPostedByPostedWorkIsDone() async throws {
        let count = try await onLoop { loop in
            let recorder = Recorder()
            @Sendable func again() {
                recorder.append(0)
                if recorder.values.count == 1_000 { return loop.stop() }
                loop.post { again() }
            }
            loop.post { again() }
            return { recorder.values.count }
        }
        #expect(count == 1_000)
    }

    @Test func actorPinnedToTheLoopRunsThere() async throws {
        let (onLoop, count) = try await onLoop { loop in
            let pinned = Pinned(loop)
            let result = Mutexed<Bool>(false)
            Task {
                var all = true
                for _ in 0..<100 { all = await pinned.touch() && all }
                result.set(all)
                loop.stop()
            }
            return { (result.get(), pinned.touchAtOnce()) }
        }
        #expect(onLoop)
        #expect(count == 101)
    }

    @Test func callbackEntersTheActorAtOnce() async throws {
        let count = try await onLoop { loop in
            let pinned = Pinned(loop)
            let count = Box(0)
            _ = try loop.schedule(after: .milliseconds(1)) {
                count.value = pinned.touchAtOnce()
                loop.stop()
            }
            return { count.value }
        }
        #expect(count == 1)
    }

    @Test func turnEndComesAfterTheWorkOfTheTurn() async throws {
        let order = try await onLoop { loop in
            let order = Box<[String]>([])
            let token = Box<TurnEndToken?>(nil)
            _ = try loop.schedule(after: .milliseconds(2)) {
                token.value = loop.onTurnEnd {
                    order.value.append("end")
                    token.value?.cancel()
                    loop.stop()
                }
                order.value.append("timer")
            }
            return { order.value }
        }
        #expect(order == ["timer", "end"])
    }

    @Test func signalIsWatched() async throws {
        let got = try await onLoop { loop in
            let got = Box(0)
            let watch = Box<SignalWatch?>(nil)
            watch.value = try loop.watchSignal(SIGUSR2) {
                got.value += 1
                watch.value?.cancel()
                loop.stop()
            }
            kill(getpid(), SIGUSR2)
            return { got.value }
        }
        #expect(got == 1)
    }

    @Test func descriptorIsPolled() async throws {
        let events = try await onLoop { loop in
            let events = Box<[PollWatch.Events]>([])
            let watch = Box<PollWatch?>(nil)
            let (watched, other) = try UnixSocket.pair(.seqpacket).boxed()
            watch.value = try watched.borrow { descriptor in
                try loop.watch(descriptor) { came in
                    events.value.append(came)
                    if came == .writable {
                        watch.value?.update(.readable)
                        _ = try? other.borrow { try DescriptorSocket.send([1], over: $0) }
                    } else {
                        watch.value?.cancel()
                        loop.stop()
                    }
                }
            }
            watch.value?.update([.readable, .writable])
            return { watched.rawValue == nil ? [] : events.value }
        }
        #expect(events == [.writable, .readable])
    }

    @Test func endOfTheLoopClosesWhatIsOpen() async throws {
        let closed = try await onLoop { loop in
            let (closed, kept) = (Box(false), Box<DescriptorBox?>(nil))
            let near = try UnixSocket.pair(.stream).take { near, far in
                kept.value = DescriptorBox(far)
                return near
            }
            let connection = try StreamConnection(loop, near)
            connection.onClosed = { _ in closed.value = true }
            connection.resumeReading()
            _ = try loop.schedule(every: .seconds(100)) {}
            loop.post { loop.stop() }
            return { closed.value && kept.value != nil }
        }
        #expect(closed)
    }

    @Test func poolWorksElsewhereAndAnswersHere() async throws {
        let (elsewhere, here, order) = try await onLoop { loop in
            let pool = try ThreadPool(threadCount: 1)
            let results = Box<[Int]>([])
            let elsewhere = Box(true)
            let here = Box(true)
            for index in 0..<100 {
                let taken = pool.submit(on: loop) {
                    (index, loop.isOnLoopThread)
                } then: { result in
                    elsewhere.value = elsewhere.value && !result.1
                    here.value = here.value && loop.isOnLoopThread
                    results.value.append(result.0)
                    if result.0 == 99 { loop.stop() }
                }
                here.value = here.value && taken
            }
            return {
                pool.end()
                return (elsewhere.value, here.value, results.value)
            }
        }
        #expect(elsewhere)
        #expect(here)
        // One thread keeps the order.
        #expect(order == Array(0..<100))
    }

    @Test func fullPoolRefuses() throws {
        let pool = try ThreadPool(threadCount: 1, queueMax: 2)
        let gate = DispatchSemaphore(value: 0)
        let started = DispatchSemaphore(value: 0)
        #expect(
            pool.submit {
                started.signal()
                gate.wait()
            })
        started.wait()
        #expect(pool.submit {})
        #expect(pool.submit {})
        #expect(!pool.submit {})
        gate.signal()
        pool.end()
        #expect(!pool.submit {})
    }
}
