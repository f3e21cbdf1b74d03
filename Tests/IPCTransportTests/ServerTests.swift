import Foundation
import IPC
import IPCTransport
import Loop
import Model
import Posix
import Testing

@Suite struct ServerTests {
    let sockets: Sockets
    init() throws { sockets = try Sockets() }

    @Test func descriptorsArriveWithTheirRequestsAndAnswers() async throws {
        let total = 700
        let mismatches = try await onLoop { [sockets] loop in
            let server = try sockets.makeServer(loop)
            let client = sockets.makeClient(loop)
            let (mismatches, done) = (Box(0), Box(0))
            // Answers wait until all requests are there, so more descriptors are under way at once
            // than the socket takes.
            let held = Box<[(IncomingRequest, UInt64)]>([])
            server.onLink = { link in
                link.onRequest = { (request, payload) throws(DecodeError) in
                    let note = try Note(decoding: payload)
                    if number(in: request.descriptor) != note.number { mismatches.value += 1 }
                    held.value.append((request, note.number))
                    guard held.value.count == total else { return }
                    for (request, wanted) in held.value {
                        let file = wanted % 3 == 0 ? nil : try? sockets.makeFile(wanted + 1)
                        request.answer(Note(Int(wanted)), descriptor: file)
                    }
                }
            }
            for index in 0..<total {
                client.request(
                    Note(index), type: .put, within: .seconds(25),
                    descriptor: try sockets.makeFile(UInt64(index))
                ) { (result: Result<Note, RemoteError>, file) in
                    let expected = index % 3 == 0 ? nil : UInt64(index) + 1
                    let answered = try? result.get().number
                    if number(in: file) != expected || answered != UInt64(index) {
                        mismatches.value += 1
                    }
                    done.value += 1
                    if done.value == total { loop.stop() }
                }
            }
            return { mismatches.value + total - done.value }
        }
        #expect(mismatches == 0)
    }

    @Test func descriptorOfACancelledRequestIsTaken() async throws {
        let numbers = try await onLoop { [sockets] loop in
            let server = try sockets.makeServer(loop)
            let client = sockets.makeClient(loop)
            let numbers = Box<[UInt64?]>([])
            let first = Box<OutgoingRequest?>(nil)
            server.onLink = { link in
                link.onRequest = { (request, payload) throws(DecodeError) in
                    let note = try Note(decoding: payload)
                    // The answer crosses the cancel.
                    let file = try? sockets.makeFile(note.number + 100)
                    request.answer(Note(0), descriptor: file)
                    if note.number == 1, let first = first.value { client.cancel(first) }
                }
            }
            for index in 1...2 {
                let request = client.request(Note(index), type: .put, within: .seconds(25)) {
                    (result: Result<Note, RemoteError>, file) in
                    numbers.value.append(number(in: file))
                    loop.stop()
                }
                if index == 1 { first.value = request }
            }
            return { withExtendedLifetime(server) { numbers.value } }
        }
        #expect(numbers == [102])
    }

    @Test func lostLinkIsReplacedAndOpenRequestsAreSentAgainInOrder() async throws {
        let total = 50
        let (answers, seen, hellos) = try await onLoop { [sockets] loop in
            let server = try sockets.makeServer(loop)
            let client = sockets.makeClient(loop)
            let (answers, seen, hellos) = (Box<[UInt64]>([]), Box<[UInt64]>([]), Box<[Bool]>([]))
            let lives = Box(0)
            server.onLink = { link in
                lives.value += 1
                let life = lives.value
                link.onNotice = { (_, payload) throws(DecodeError) in
                    if life == 2 { seen.value.append(try Note(decoding: payload).number) }
                }
                link.onRequest = { (request, payload) throws(DecodeError) in
                    let note = try Note(decoding: payload)
                    // The first life answers ten and dies with the rest.
                    if life == 1 {
                        if note.number < 10 { return _ = request.answer(note) }
                        return link.finish()
                    }
                    seen.value.append(note.number)
                    request.answer(note)
                }
            }
            client.onConnected = { link, isAgain in
                hellos.value.append(isAgain)
                if isAgain { link.notify(Note(777), type: .claimUploads) }
            }
            for index in 0..<total {
                client.request(Note(index), type: .put, within: .seconds(25)) {
                    (result: Result<Note, RemoteError>, _) in
                    answers.value.append((try? result.get().number) ?? .max)
                    if answers.value.count == total { loop.stop() }
                }
            }
            return { (answers.value, seen.value, hellos.value) }
        }
        #expect(answers == (0..<UInt64(total)).map { $0 })
        // What `onConnected` says comes before what is sent again.
        #expect(seen == [777] + (10..<UInt64(total)).map { $0 })
        #expect(hellos == [false, true])
    }

    @Test func requestsWaitForAServerThatIsNotThereYet() async throws {
        let number = try await onLoop { [sockets] loop in
            let client = sockets.makeClient(loop)
            let (number, server) = (Box<UInt64?>(nil), Box<LinkServer?>(nil))
            let failures = Box(0)
            client.onDisconnected = { _ in
                failures.value += 1
                guard failures.value == 3 else { return }
                server.value = try? sockets.makeServer(loop)
                server.value?.onLink = { link in
                    link.onRequest = { (request, payload) throws(DecodeError) in
                        request.answer(try Note(decoding: payload))
                    }
                }
            }
            client.request(Note(4), type: .put, within: .seconds(25)) {
                (result: Result<Note, RemoteError>, _) in
                number.value = try? result.get().number
                loop.stop()
            }
            return { number.value }
        }
        #expect(number == 4)
    }

    @Test func requestTimesOutWhereThereIsNoServer() async throws {
        let code = try await onLoop { [sockets] loop in
            let client = sockets.makeClient(loop)
            let code = Box<RemoteError.Code?>(nil)
            client.request(Note(4), type: .put, within: .milliseconds(50)) {
                (result: Result<Note, RemoteError>, _) in
                if case .failure(let error) = result { code.value = error.code }
                loop.stop()
            }
            return { code.value }
        }
        #expect(code == .timedOut)
    }

    @Test func processThatIsNotListedIsRefusedUntilItIs() async throws {
        let (refused, connected) = try await onLoop { [sockets] loop in
            let server = try sockets.makeServer(loop)
            server.policy = .only([.init(pid: 1, role: .gateway, generation: 3)])
            let (refused, connected) = (Box<[Int32]>([]), Box(false))
            server.onTrouble = { trouble in
                guard case .refusedPID(let pid) = trouble else { return }
                refused.value.append(pid)
                server.policy = .only([.init(pid: getpid(), role: .gateway, generation: 3)])
            }
            let client = sockets.makeClient(loop)
            client.onConnected = { _, _ in
                connected.value = true
                loop.stop()
            }
            return { (refused.value, connected.value) }
        }
        #expect(refused.first == getpid())
        #expect(connected)
    }

    @Test func otherGenerationOfAListedProcessIsRefused() async throws {
        let refused = try await onLoop { [sockets] loop in
            let server = try sockets.makeServer(loop)
            server.policy = .only([.init(pid: getpid(), role: .gateway, generation: 4)])
            let refused = Box<[Int32]>([])
            server.onTrouble = { trouble in
                guard case .refusedPID(let pid) = trouble else { return }
                refused.value.append(pid)
                loop.stop()
            }
            let client = sockets.makeClient(loop, generation: 3)
            return { withExtendedLifetime(client) { refused.value } }
        }
        #expect(refused == [getpid()])
    }
}
