import Model
import Testing

@testable import SupervisorProcess

struct LogTests {
    @Test func linesComeOutHoweverTheyWereCut() {
        let text = Array("one\ntwo\r\n\nthree\n".utf8)
        for size in 1...text.count {
            var splitter = LineSplitter()
            var lines: [String] = []
            var start = 0
            while start < text.count {
                lines += splitter.feed(text[start..<min(start + size, text.count)])
                start += size
            }
            #expect(lines == ["one", "two", "", "three"])
            #expect(splitter.finish() == nil)
        }
    }

    @Test func theLastLineNeedsNoEnd() {
        var splitter = LineSplitter()
        #expect(splitter.feed(Array("why".utf8)).isEmpty)
        #expect(splitter.finish() == "why")
        #expect(splitter.finish() == nil)
    }

    @Test func longLinesAreCutAndItIsSaid() {
        var splitter = LineSplitter()
        let length = SupervisorLimits.logLineBytesMax + 7
        let line = splitter.feed([UInt8](repeating: 0x78, count: length) + [0x0A])[0]
        #expect(line.hasSuffix("… (7 bytes cut)"))
        #expect(splitter.feed(Array("short\n".utf8)) == ["short"])
    }

    @Test func noControlCharacterReachesATerminal() {
        let line = LineSplitter.printable([0x1B, 0x5B, 0x41, 0x00, 0x7F, 0x09, 0xFF])
        #expect(line == " [A   \u{FFFD}")
    }

    private func log(_ lowest: LogStream.Level = .info) -> LogStream {
        // Descriptor -1: nothing is written anywhere.
        LogStream(
            lowest: lowest, pid: 9, output: StandardError(descriptor: -1),
            now: { Timestamp(nanoseconds: 0) })
    }

    @Test func aLineHasTimeLevelRoleAndPID() {
        let log = log()
        log.workerWrote("warning disk is slow path=/x", name: "store", pid: 7)
        log.workerWrote("no level at all", name: "store", pid: 7)
        log.say(.error, "hung", of: "store", pid: 7)
        #expect(
            log.newest(10, of: "store") == [
                "1970-01-01T00:00:00.000Z warning store[7] disk is slow path=/x",
                "1970-01-01T00:00:00.000Z notice store[7] no level at all",
                "1970-01-01T00:00:00.000Z error supervisor[9] store[7]: hung",
            ])
    }

    @Test func debugLinesAreKeptOnlyWhenAskedFor() {
        let quiet = log()
        quiet.workerWrote("debug x", name: "store", pid: 1)
        #expect(quiet.newest(10, of: "").isEmpty)
        let loud = log(.debug)
        loud.workerWrote("debug x", name: "store", pid: 1)
        #expect(loud.newest(10, of: "").count == 1)
    }

    @Test func aChattyWorkerDoesNotPushOutTheOthers() {
        let log = log()
        log.workerWrote("info quiet", name: "store", pid: 1)
        for number in 0..<(SupervisorLimits.logLinesKept * 2) {
            log.workerWrote("info \(number)", name: "gateway", pid: 2)
        }
        #expect(log.newest(10, of: "store").count == 1)
        #expect(log.newest(5000, of: "gateway").count == SupervisorLimits.logLinesKept)
        let all = log.newest(5000, of: "")
        #expect(all.first?.hasSuffix("quiet") == true)
        #expect(all.last?.hasSuffix("\(SupervisorLimits.logLinesKept * 2 - 1)") == true)
    }

    @Test func oneAnswerStaysBelowAFrame() {
        let log = log()
        let long = String(repeating: "x", count: 4000)
        for _ in 0..<1000 { log.workerWrote("info \(long)", name: "store", pid: 1) }
        let bytes = log.newest(1000, of: "store").reduce(0) { $0 + $1.utf8.count }
        #expect(bytes <= SupervisorLimits.logAnswerBytesMax)
        #expect(bytes > SupervisorLimits.logAnswerBytesMax / 2)
    }

    @Test func aRingKeepsTheLast() {
        var ring = Ring<Int>(capacity: 3)
        #expect(ring.elements.isEmpty)
        for number in 1...7 {
            ring.append(number)
            #expect(ring.elements == Array(max(1, number - 2)...number))
        }
    }
}
