import Model
import Testing

@testable import Simulator

@Suite struct NetworkTests {
    private func cut(_ number: Int, forth: Bool = true, back: Bool = true) -> Network.Cut {
        Network.Cut(number: number, sides: [1, 2, 0], cutsForth: forth, cutsBack: back)
    }

    @Test func connectionsKeepTheirOrder() throws {
        var network = Network(capacity: 3)
        var generator = SplitMix64(seed: 1)
        var weather = Network.Weather()
        weather.stallsPerMille = 200
        network.add(weather, number: 0)
        var last: Nanoseconds = 0
        for step in 0..<1000 {
            let arrival = try #require(
                network.stream(
                    from: 0, to: 1, now: .microseconds(Int64(step)), using: &generator))
            #expect(arrival > last)
            last = arrival
        }
    }

    @Test func datagramsOvertakeEachOther() throws {
        var network = Network(capacity: 3)
        var generator = SplitMix64(seed: 1)
        var arrivals: [Nanoseconds] = []
        for step in 0..<100 {
            let fate = network.datagram(
                from: 0, to: 1, now: .microseconds(Int64(step)), using: &generator)
            arrivals.append(try #require(fate.first))
        }
        #expect(arrivals != arrivals.sorted())
    }

    @Test func datagramsAreLostAndDoubledAsOftenAsTheWeatherSays() {
        var network = Network(capacity: 3)
        var generator = SplitMix64(seed: 1)
        var weather = Network.Weather()
        weather.lossPerMille = 200
        weather.duplicationPerMille = 100
        network.add(weather, number: 4)
        var lost = 0
        var doubled = 0
        for _ in 0..<10_000 {
            let fate = network.datagram(from: 0, to: 1, now: 0, using: &generator)
            if fate.first == nil { lost += 1 }
            if fate.second != nil { doubled += 1 }
        }
        #expect((1800...2200).contains(lost))
        #expect((650...950).contains(doubled))
        network.removeWeather(4)
        #expect(network.isFair)
    }

    @Test func aCutLosesWhatWasUnderWayOnTheConnection() {
        var network = Network(capacity: 3)
        let before = network.connection(0, 1)
        let other = network.connection(0, 2)
        network.add(cut(0))
        network.removeCut(0)
        #expect(!network.arrives(from: 0, to: 1, isDatagram: false, breaks: before, now: 5))
        #expect(network.arrives(from: 0, to: 2, isDatagram: false, breaks: other, now: 5))
        #expect(network.arrives(from: 0, to: 1, isDatagram: true, breaks: 0, now: 5))
    }

    @Test func aOneWayCutLetsTheOtherWayThrough() {
        var network = Network(capacity: 3)
        var generator = SplitMix64(seed: 1)
        network.add(cut(0, back: false))
        #expect(network.isCut(0, 1, 0))
        #expect(!network.isCut(1, 0, 0))
        #expect(network.stream(from: 0, to: 1, now: 0, using: &generator) == nil)
        #expect(network.stream(from: 1, to: 0, now: 0, using: &generator) != nil)
    }

    @Test func aFlappingLinkComesAndGoes() {
        var network = Network(capacity: 3)
        var flapping = cut(0)
        flapping.period = 10
        network.add(flapping)
        #expect(network.isCut(0, 1, 4))
        #expect(!network.isCut(0, 1, 6))
        #expect(network.isCut(0, 1, 14))
    }

    @Test func whatWasSentToTheDeadIsLostAndWhatTheySentArrives() {
        var network = Network(capacity: 3)
        let to = network.connection(0, 1)
        let from = network.connection(1, 0)
        network.hostDied(1)
        #expect(!network.arrives(from: 0, to: 1, isDatagram: false, breaks: to, now: 5))
        #expect(network.arrives(from: 1, to: 0, isDatagram: false, breaks: from, now: 5))
    }
}
