import Membership
import Model
import Replication
import Testing

@testable import Cluster

@Suite struct SettingsTests {
    private func four() -> TinyCluster {
        let cluster = TinyCluster(seed: 5)
        cluster.add("a")
        for name in ["b", "c", "d"] { cluster.add(name, seeds: ["a"]) }
        cluster.run(for: .seconds(5))
        return cluster
    }

    private func set(_ cluster: TinyCluster, _ key: ClusterSettings.Key, _ value: String) -> Bool {
        guard case .done? = cluster.ask("b", .setSetting(key: key.rawValue, value: value)) else {
            return false
        }
        return true
    }

    private func outs(_ cluster: TinyCluster) -> Int {
        cluster.notices.count { if case .tookOut = $0.1 { true } else { false } }
    }

    @Test func settingsReachAllNodesAndOutliveThem() {
        let cluster = four()
        #expect(set(cluster, .graceBeforeOut, "30"))
        #expect(set(cluster, .tombstoneRetention, "3600"))
        #expect(set(cluster, .trashDays, "1"))
        cluster.run(for: .seconds(5))
        var wanted = ClusterSettings()
        wanted.graceBeforeOut = .seconds(30)
        wanted.tombstoneRetention = .seconds(3600)
        wanted.versionRetention = .seconds(86_400)
        for name in ["a", "b", "c", "d"] {
            #expect(cluster.node(name)?.settings == wanted, "\(name)")
            #expect(cluster.node(name)?.membership.configuration.grace == .seconds(30), "\(name)")
        }
        cluster.kill("d")
        cluster.add("d", seeds: ["a"])
        #expect(cluster.node("d")?.settings == wanted)
        #expect(cluster.node("d")?.membership.configuration.grace == .seconds(30))
        #expect(set(cluster, .graceBeforeOut, ""))
        cluster.run(for: .seconds(5))
        #expect(cluster.node("c")?.membership.configuration.grace == .seconds(600))
    }

    @Test func trashIsKeptForDaysAndPartsOfDays() {
        let cluster = four()
        let settings: [(String, String)] = [
            ("trash_days", "0.5"), ("trash_percent", "0"), ("versions_max", "3"),
            ("disk_reserve_percent", "5"), ("scrub_mib_per_second", "9"),
            ("trash_emptied_until", "ff00"),
        ]
        for (key, value) in settings {
            guard case .done? = cluster.ask("b", .setSetting(key: key, value: value)) else {
                Issue.record("\(key) was refused")
                return
            }
        }
        cluster.run(for: .seconds(5))
        var wanted = ClusterSettings()
        wanted.versionRetention = .seconds(43_200)
        (wanted.trashPercent, wanted.versionsMax, wanted.diskReservePercent) = (0, 3, 5)
        wanted.scrubRate = 9
        wanted.trashEmptiedUntil = HybridTime(value: 0xFF00)
        #expect(cluster.node("d")?.settings == wanted)
        guard case .done? = cluster.ask("b", .setSetting(key: "trash_days", value: "0")) else {
            Issue.record("nothing may be kept")
            return
        }
        cluster.run(for: .seconds(5))
        #expect(cluster.node("d")?.settings.versionRetention == .zero)
    }

    @Test func comparisonsKeepToTheIntervalAndRestWhenTheyAreToldTo() throws {
        let cluster = four()
        for number in 0..<40 {
            let path = try StorePath(validating: "/f\(number)".utf8)
            _ = cluster.ask(
                "a", .put(path, cluster.content(1), .none, cluster.operation()))
        }
        cluster.run(for: .seconds(20))
        func comparisons() -> Int {
            let before = cluster.kinds["reconcile"] ?? 0
            cluster.run(for: .seconds(60))
            return (cluster.kinds["reconcile"] ?? 0) - before
        }
        func set(_ key: String, _ value: String) -> Bool {
            guard case .done? = cluster.ask("b", .setSetting(key: key, value: value)) else {
                return false
            }
            cluster.run(for: .seconds(5))
            return true
        }
        // Four nodes, one comparison each 2 s on average.
        let usual = comparisons()
        #expect((90...150).contains(usual), "\(usual)")
        #expect(set(ClusterSettings.Key.syncInterval.rawValue, "1"))
        let often = comparisons()
        #expect(often > 3 * usual, "\(often)")
        #expect(set(ClusterSettings.syncPausedKey, "true"))
        #expect(comparisons() == 0)
        #expect(set(ClusterSettings.syncPausedKey, ""))
        #expect(set(ClusterSettings.Key.syncInterval.rawValue, "3600"))
        let again = comparisons()
        #expect((90...150).contains(again), "\(again)")
        #expect(!set(ClusterSettings.Key.syncInterval.rawValue, "0"))
        #expect(!set(ClusterSettings.syncPausedKey, "perhaps"))
    }

    @Test func aGraceThatIsShortenedCountsForWhoIsDeadAlready() {
        let cluster = four()
        #expect(set(cluster, .trashDays, "1"))
        cluster.run(for: .seconds(10))
        cluster.kill("d")
        cluster.run(for: .seconds(120))
        #expect(outs(cluster) == 0)
        #expect(set(cluster, .graceBeforeOut, "60"))
        cluster.run(for: .seconds(15))
        #expect(outs(cluster) > 0)
        #expect(cluster.node("a")?.activeLayouts.last?.members.count == 3)
    }

    @Test func valuesOutsideTheirRangeAreRefused() {
        let cluster = four()
        for value in ["9", "2592001", "-1", "ten", "30s", "99999999999"] {
            let answer = cluster.ask(
                "a", .setSetting(key: "grace_before_out", value: value))
            guard case .refused(.invalidValue)? = answer else {
                Issue.record("\(value): \(String(describing: answer))")
                continue
            }
        }
        for (key, value) in [
            ("trash_days", "3661"), ("trash_days", "1.123456"), ("trash_days", "1."),
            ("trash_days", ".5"), ("trash_percent", "51"), ("versions_max", "129"),
            ("versions_max", "3.5"), ("disk_reserve_percent", "-1"),
            ("trash_emptied_until", "12345678901234567"), ("trash_emptied_until", "no"),
        ] {
            let answer = cluster.ask("a", .setSetting(key: key, value: value))
            guard case .refused(.invalidValue)? = answer else {
                Issue.record("\(key) \(value): \(String(describing: answer))")
                continue
            }
        }
        guard
            case .refused(.invalidValue)? = cluster.ask(
                "a", .setSetting(key: "write_policy", value: "some")),
            case .refused(.invalidValue)? = cluster.ask("a", .setReplicationFactor(0)),
            case .refused(.invalidValue)? = cluster.ask("a", .setReplicationFactor(256)),
            case .done? = cluster.ask("a", .setSetting(key: "of.another.version", value: "any"))
        else {
            Issue.record("taken or refused")
            return
        }
        #expect(cluster.node("a")?.settings == ClusterSettings())
    }
}
