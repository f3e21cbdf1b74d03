// Feeds the frame decoder, the session, every message decoder and WebDAV's readers with damaged bytes
// for a bounded time. A trap ends the program with a signal; a broken invariant with exit code 1 and
// its seed.
// usage: clusterf-fuzz [SECONDS [SEED]]   (built with `swift build --sanitize address` in CI)

let arguments = CommandLine.arguments.dropFirst()
let seconds = arguments.first.flatMap { Int($0) } ?? 10
let firstSeed = arguments.dropFirst().first.flatMap { UInt64($0) } ?? 1

let end = ContinuousClock.now + .seconds(seconds)
var seed = firstSeed
var frameCount = 0
while ContinuousClock.now < end {
    var run = FuzzRun(seed: seed)
    frameCount += run.go()
    var webDAV = WebDAVRun(seed: seed)
    webDAV.go()
    seed += 1
}
print(
    "\(seed - firstSeed) runs from seed \(firstSeed), \(frameCount) frames decoded, nothing broke")
