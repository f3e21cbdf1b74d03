import Foundation
import Loop
import Posix
import Testing

@Suite struct ChildProcessTests {
    /// Runs a shell script with a pipe on its standard output; its exit and what it said.
    private func run(
        _ script: String, _ arguments: [String] = [], inherit: Bool = false,
        whenStarted: @escaping @Sendable (ChildProcess) throws -> Void = { _ in }
    ) async throws -> (exit: ChildProcess.Exit?, output: String) {
        try await onLoop { loop in
            let (exit, output) = (Box<ChildProcess.Exit?>(nil), Box<[UInt8]>([]))
            let ends = Box(0)
            func ended() {
                ends.value += 1
                if ends.value == 2 { loop.stop() }
            }
            let boxes = try UnixSocket.pair(.stream).boxed()
            guard let near = boxes.0.take(), let far = boxes.1.rawValue else { throw TookTooLong() }
            let reader = try StreamConnection(loop, near)
            reader.onRead = { output.value += $0.withUnsafeBytes { [UInt8]($0) } }
            reader.onClosed = { _ in ended() }
            reader.resumeReading()
            let child = try ChildProcess(
                loop,
                ChildProcess.Command(
                    file: "/bin/sh", arguments: ["sh", "-c", script, "sh"] + arguments,
                    environment: ["PATH=/usr/bin:/bin", "WORD=said"],
                    standard: (.null, .descriptor(far), .inherit),
                    inherited: inherit ? [far] : [])
            ) { status in
                exit.value = status
                ended()
            }
            // Only the child has its end from here on.
            _ = boxes.1.take()
            try whenStarted(child)
            return { (exit.value, String(decoding: output.value, as: UTF8.self)) }
        }
    }

    @Test func exitCodeAndOutputArrive() async throws {
        let result = try await run("echo $WORD $1; exit 7", ["argument"])
        #expect(result.exit == .code(7))
        #expect(result.output == "said argument\n")
    }

    @Test func environmentIsOnlyWhatIsGiven() async throws {
        #expect(try await run("env | grep -c ^HOME=").output == "0\n")
    }

    @Test func descriptorThreeIsTheInheritedOne() async throws {
        let result = try await run("echo three >&3", inherit: true)
        #expect(result.exit == .code(0))
        #expect(result.output == "three\n")
    }

    @Test func killedChildTellsItsSignal() async throws {
        let result = try await run("exec sleep 1000") { try $0.kill(SIGKILL) }
        #expect(result.exit == .signal(SIGKILL))
    }

    @Test func missingProgramIsAnError() async throws {
        let code = try await onLoop { loop in
            let code = Box<Int32>(0)
            do throws(PosixError) {
                _ = try ChildProcess(
                    loop,
                    ChildProcess.Command(
                        file: "/nowhere/program", arguments: ["program"], environment: [])
                ) { _ in }
            } catch {
                code.value = error.code
            }
            loop.post { loop.stop() }
            return { code.value }
        }
        #expect(code == ENOENT)
    }

    @Test func endedChildCannotBeKilled() async throws {
        let code = try await onLoop { loop in
            let child = Box<ChildProcess?>(nil)
            let code = Box<Int32>(0)
            child.value = try ChildProcess(
                loop,
                ChildProcess.Command(
                    file: "/bin/true", arguments: ["true"], environment: [],
                    standard: (.null, .null, .null))
            ) { _ in
                do throws(PosixError) {
                    try child.value?.kill(SIGTERM)
                } catch {
                    code.value = error.code
                }
                loop.stop()
            }
            return { code.value }
        }
        #expect(code == ESRCH)
    }
}
