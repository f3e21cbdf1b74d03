import Foundation
import IPC
import IPCTransport
import Loop
import Model
import Posix
import Testing

@Suite struct LinkTests {
    /// Two ends of one link over a socketpair, as the control link has them.
    static func pair(_ loop: EventLoop) throws -> (worker: Link, supervisor: Link) {
        let ends = try UnixSocket.pair(.stream).boxed()
        guard let near = ends.first.take(), let far = ends.second.take() else {
            throw TookTooLong()
        }
        return (
            try ControlLink.worker(loop, near, role: .store, generation: 5),
            try ControlLink.supervisor(loop, far, worker: .store)
        )
    }

    @Test func bothSidesAskAndAnswer() async throws {
        let (fromWorker, fromSupervisor, peer) = try await onLoop { loop in
            let (worker, supervisor) = try Self.pair(loop)
            let answers = Box<[UInt64]>([])
            func answered(_ result: Result<Note, RemoteError>) {
                answers.value.append((try? result.get().number) ?? 0)
                if answers.value.count == 2 { loop.stop() }
            }
            for link in [worker, supervisor] {
                link.onRequest = { (request, payload) throws(DecodeError) in
                    let note = try Note(decoding: payload)
                    request.answer(Note(Int(note.number) * 10))
                }
            }
            // Asked before the handshake: they wait for it.
            worker.request(Note(1), type: .progress, within: .seconds(10)) {
                (result: Result<Note, RemoteError>, _) in answered(result)
            }
            supervisor.request(Note(2), type: .configure, within: .seconds(10)) {
                (result: Result<Note, RemoteError>, _) in answered(result)
            }
            return {
                let sorted = answers.value.sorted()
                return (sorted.first, sorted.last, supervisor.peer)
            }
        }
        #expect(fromWorker == 10)
        #expect(fromSupervisor == 20)
        #expect(peer?.role == .store)
        #expect(peer?.generation == 5)
    }

    @Test func tenThousandRequestsCompleteInOrder() async throws {
        let total = 10_000
        let numbers = try await onLoop { loop in
            let (worker, supervisor) = try Self.pair(loop)
            let numbers = Box<[UInt64]>([])
            supervisor.onRequest = { (request, payload) throws(DecodeError) in
                request.answer(try Note(decoding: payload))
            }
            for index in 0..<total {
                worker.request(Note(index), type: .progress, within: .seconds(25)) {
                    (result: Result<Note, RemoteError>, _) in
                    numbers.value.append((try? result.get().number) ?? .max)
                    if numbers.value.count == total { loop.stop() }
                }
            }
            return { numbers.value }
        }
        #expect(numbers == (0..<UInt64(total)).map { $0 })
    }

    @Test func noticesArriveInOrder() async throws {
        let numbers = try await onLoop { loop in
            let (worker, supervisor) = try Self.pair(loop)
            let numbers = Box<[UInt64]>([])
            supervisor.onNotice = { (_, payload) throws(DecodeError) in
                numbers.value.append(try Note(decoding: payload).number)
                if numbers.value.count == 3 { loop.stop() }
            }
            worker.onEstablished = { _ in
                for number in 1...3 { worker.notify(Note(number), type: .ready) }
            }
            return { numbers.value }
        }
        #expect(numbers == [1, 2, 3])
    }

    @Test func errorOfTheOtherSideIsTheAnswer() async throws {
        let error = try await onLoop { loop in
            let (worker, supervisor) = try Self.pair(loop)
            let error = Box<RemoteError?>(nil)
            supervisor.onRequest = { (request, _) throws(DecodeError) in
                request.fail(RemoteError(.notFound, "no such thing"))
            }
            worker.request(Note(1), type: .progress, within: .seconds(10)) {
                (result: Result<Note, RemoteError>, _) in
                if case .failure(let failure) = result { error.value = failure }
                loop.stop()
            }
            return { error.value }
        }
        #expect(error == RemoteError(.notFound, "no such thing"))
    }

    @Test func deadlinePassesAndTheLateAnswerIsDropped() async throws {
        let (codes, wanted) = try await onLoop { loop in
            let (worker, supervisor) = try Self.pair(loop)
            let (codes, wanted) = (Box<[RemoteError.Code?]>([]), Box<Bool?>(nil))
            supervisor.onRequest = { (request, payload) throws(DecodeError) in
                if try Note(decoding: payload).number == 2 {
                    request.answer(Note(2))
                } else {
                    supervisor.onCancelled = { _ in
                        wanted.value = request.answer(Note(1))
                        worker.request(Note(2), type: .progress, within: .seconds(10)) {
                            (result: Result<Note, RemoteError>, _) in
                            codes.value.append(nil)
                            loop.stop()
                        }
                    }
                }
            }
            worker.request(Note(1), type: .progress, within: .milliseconds(20)) {
                (result: Result<Note, RemoteError>, _) in
                if case .failure(let error) = result { codes.value.append(error.code) }
            }
            return { (codes.value, wanted.value) }
        }
        // The second request shows that the link goes on.
        #expect(codes == [.timedOut, nil])
        #expect(wanted == false)
    }

    @Test func cancelledRequestIsSilentAndTold() async throws {
        let (cancelled, called) = try await onLoop { loop in
            let (worker, supervisor) = try Self.pair(loop)
            let (cancelled, called) = (Box(false), Box(false))
            let request = Box<OutgoingRequest?>(nil)
            supervisor.onRequest = { (_, _) throws(DecodeError) in
                if let request = request.value { worker.cancel(request) }
            }
            supervisor.onCancelled = { _ in
                cancelled.value = true
                loop.stop()
            }
            request.value = worker.request(Note(1), type: .progress, within: .seconds(10)) {
                (result: Result<Note, RemoteError>, _) in called.value = true
            }
            return { (cancelled.value, called.value) }
        }
        #expect(cancelled)
        #expect(!called)
    }

    @Test func endOfTheLinkFailsWhatIsOpen() async throws {
        let (codes, ends) = try await onLoop { loop in
            let (worker, supervisor) = try Self.pair(loop)
            let (codes, ends) = (Box<[RemoteError.Code]>([]), Box<[LinkEnd]>([]))
            supervisor.onRequest = { (_, _) throws(DecodeError) in supervisor.close() }
            worker.onClosed = { end in
                ends.value.append(end)
                loop.stop()
            }
            worker.request(Note(1), type: .progress, within: .seconds(10)) {
                (result: Result<Note, RemoteError>, _) in
                if case .failure(let error) = result { codes.value.append(error.code) }
            }
            return { (codes.value, ends.value) }
        }
        #expect(codes == [.unavailable])
        #expect(ends == [.byPeer])
    }

    @Test func finishSendsTheLastAnswerFirst() async throws {
        let number = try await onLoop { loop in
            let (worker, supervisor) = try Self.pair(loop)
            let number = Box<UInt64?>(nil)
            worker.onRequest = { (request, _) throws(DecodeError) in
                request.answer(Note(9, byteCount: 900_000))
                worker.finish()
            }
            supervisor.request(Note(1), type: .drain, within: .seconds(10)) {
                (result: Result<Note, RemoteError>, _) in
                number.value = try? result.get().number
            }
            supervisor.onClosed = { _ in loop.stop() }
            return { number.value }
        }
        #expect(number == 9)
    }

    @Test func roleThatHasNoBusinessHereIsRefusedAndTold() async throws {
        let (worker, supervisor) = try await onLoop { loop in
            let ends = try UnixSocket.pair(.stream).boxed()
            guard let near = ends.first.take(), let far = ends.second.take() else {
                throw TookTooLong()
            }
            let worker = try ControlLink.worker(loop, near, role: .store, generation: 5)
            let supervisor = try ControlLink.supervisor(loop, far, worker: .gateway)
            let (first, second) = (Box<LinkEnd?>(nil), Box<LinkEnd?>(nil))
            worker.onClosed = { end in
                first.value = end
                if second.value != nil { loop.stop() }
            }
            supervisor.onClosed = { end in
                second.value = end
                if first.value != nil { loop.stop() }
            }
            return { (first.value, second.value) }
        }
        #expect(worker == .refused("a store has no business here"))
        #expect(supervisor == .fault(.roleRefused(.store)))
    }

    @Test func payloadThatIsNoMessageEndsTheLink() async throws {
        let end = try await onLoop { loop in
            let (worker, supervisor) = try Self.pair(loop)
            let end = Box<LinkEnd?>(nil)
            supervisor.onRequest = { (request, payload) throws(DecodeError) in
                request.answer(try Note(decoding: payload))
            }
            supervisor.onClosed = {
                end.value = $0
                loop.stop()
            }
            worker.request(Empty(), type: .progress, within: .seconds(10)) {
                (result: Result<Note, RemoteError>, _) in
            }
            return { end.value }
        }
        #expect(end == .fault(.malformed(type: MessageType.progress.rawValue, .truncated)))
    }
}
