import Cluster
import Model
import Testing

@testable import Simulator

@Suite struct HostTests {
    private func host() -> Host {
        Host(
            number: 0, configuration: NodeConfiguration(node: HostName.node(0)),
            disk: NodeDisk(id: Support.disk))
    }

    /// Writes the row `clock` with these bytes.
    private func write(_ byte: UInt8, to host: inout Host) {
        let request = StorageRequest.save([MetaRow(.clock, [byte])])
        let answer = host.written.execute(request, at: .zero)
        host.pending.append(
            PendingWrite(
                ticket: StorageTicket(number: UInt64(byte)), request: request, answer: answer,
                at: .zero, isFull: false, number: UInt64(byte)))
    }

    @Test func aCrashKeepsAPrefixOfWhatWasNotSynced() {
        for survivors in 0...3 {
            var host = host()
            for byte in 1...3 { write(UInt8(byte), to: &host) }
            #expect(host.written.meta[.clock] == [3])
            #expect(host.synced.meta[.clock] == nil)
            let life = host.life
            host.crash(keeping: survivors)
            #expect(host.synced.meta[.clock] == (survivors == 0 ? nil : [UInt8(survivors)]))
            #expect(host.written.meta[.clock] == host.synced.meta[.clock])
            #expect(host.pending.isEmpty)
            #expect(host.life == life + 1)
        }
    }

    @Test func namesAndNumbersAreEachOthers() {
        for number in [0, 7, 42, 999, 1234] {
            #expect(HostName.host(HostName.node(number)) == number)
        }
        #expect(HostName.node(9) < HostName.node(10))
    }

    @Test func aSlowNodeRunsAtTheEndOfEachPeriod() {
        var host = host()
        host.slowness = .init(number: 0, since: 100, period: 10, awake: 2)
        #expect(host.frozenUntil(100) == 108)
        #expect(host.frozenUntil(107) == 108)
        #expect(host.frozenUntil(108) == nil)
        #expect(host.frozenUntil(110) == 118)
    }

    @Test func clocksDriftAndJumpAndTheMonotonicOneDoesNot() {
        var host = host()
        host.drift = 100
        let start = host.time(0)
        let later = host.time(.seconds(1000))
        #expect(later.monotonic - start.monotonic == .seconds(1000))
        #expect(later.wallMilliseconds - start.wallMilliseconds == 1_000_100)
        host.wallOffset -= .seconds(3600)
        #expect(host.time(0).wallMilliseconds + 3_600_000 == start.wallMilliseconds)
        #expect(host.time(0).monotonic == start.monotonic)
    }
}
