import CRDT
package import Model
import Replication

/// A setting of the cluster, for people.
package struct SettingView: Sendable {
    package var key: String
    /// What counts.
    package var value: String
    package var standard: String
    package var kind: Kind
    /// When somebody set it, by the cluster's clock, and on which node; nil where nobody did.
    package var set: (at: HybridTime, by: NodeID)?

    package enum Kind: Sendable {
        /// Whole seconds in this range.
        case seconds(ClosedRange<Duration>)
        /// Days, with a fraction.
        case days(ClosedRange<Duration>)
        case number(ClosedRange<Int>)
        case choice([String])
        /// `true` or `false`.
        case boolean
        /// A list of quotas.
        case quotas
        /// Of another program's: this one does not know what it may be.
        case unknown
    }
}

extension ClusterNode {
    /// The settings that this program knows, and those that somebody set, sorted by key.
    package var settingViews: [SettingView] {
        let all = gossip.state.settings
        var views = ClusterSettings.Key.allCases.map { key in
            let standard = String(key.defaultValue.components.seconds / key.unit.rawValue)
            return view(
                key.rawValue, standard,
                key.unit == .day ? .days(key.range) : .seconds(key.range))
        }
        views += ClusterSettings.Number.allCases.map { key in
            view(key.rawValue, String(key.defaultValue), .number(key.range))
        }
        views.append(
            view(
                ClusterSettings.policyKey, ClusterSettings().policy.rawValue,
                .choice(WritePolicy.allCases.map(\.rawValue))))
        views.append(view(ClusterSettings.syncPausedKey, "false", .boolean))
        views.append(view(Quota.settingKey, "", .quotas))
        for setting in all.all
        where setting.key != ClusterSettings.trashEmptiedKey
            && !views.contains(where: { $0.key == setting.key })
        {
            views.append(view(setting.key, "", .unknown))
        }
        return views.sorted { $0.key < $1.key }
    }

    private func view(_ key: String, _ standard: String, _ kind: SettingView.Kind) -> SettingView {
        let setting = gossip.state.settings.setting(for: key)
        return SettingView(
            key: key, value: gossip.state.settings.value(for: key) ?? standard, standard: standard,
            kind: kind, set: setting.map { ($0.stamp.time, $0.stamp.node) })
    }
}
