internal import Cluster
internal import IPC
internal import IPCTransport
internal import Model

/// The links of gateways whose clients watch.
struct Watchers {
    private struct Watcher {
        let link: Link
        var lostCount: UInt64 = 0
    }

    private var watchers: [ObjectIdentifier: Watcher] = [:]

    var isEmpty: Bool { watchers.isEmpty }

    mutating func set(_ link: Link, isOn: Bool) {
        let key = ObjectIdentifier(link)
        if !isOn {
            watchers[key] = nil
        } else if watchers[key] == nil {
            watchers[key] = Watcher(link: link)
        }
    }

    /// Those that do not read lose it, and are told how much when they do.
    mutating func tell(_ events: [EventsNotice.Event]) {
        for key in Array(watchers.keys) {
            guard var watcher = watchers[key] else { continue }
            for start in stride(from: 0, to: events.count, by: IPCLimits.eventsMax) {
                let part = events[start..<min(events.count, start + IPCLimits.eventsMax)]
                guard watcher.link.isEstablished, !watcher.link.isUnderPressure else {
                    watcher.lostCount += UInt64(part.count)
                    continue
                }
                watcher.link.notify(
                    EventsNotice(lostCount: watcher.lostCount, events: Array(part)), type: .events)
                watcher.lostCount = 0
            }
            watchers[key] = watcher
        }
    }
}

// What happens, for those who watch. Nothing is put together while nobody does.
extension Store {
    func watch(_ link: Link, _ notice: WatchNotice) {
        cluster.watchers.set(link, isOn: notice.isOn)
    }

    func watcherClosed(_ link: Link) { cluster.watchers.set(link, isOn: false) }

    func tellChanges(_ changes: [Change]) {
        guard !cluster.watchers.isEmpty, !changes.isEmpty else { return }
        cluster.watchers.tell(
            changes.map { .file($0.path, version: $0.stored?.record.version.dot) })
    }

    func tell(_ notice: NodeNotice) {
        guard !cluster.watchers.isEmpty, let event = EventsNotice.Event(notice) else { return }
        cluster.watchers.tell([event])
    }
}

extension EventsNotice.Event {
    fileprivate init?(_ notice: NodeNotice) {
        switch notice {
        case .peerChanged(let node, let state): self = .peer(node, state: state)
        case .peerRestarting(let node, let isRestarting):
            self = .peer(node, state: isRestarting ? "restarting" : "back")
        case .peerRejoined(let node): self = .peer(node, state: "rejoined")
        case .layoutChanged(let layout): self = .progress("layout_changed", about: layout.hex)
        case .layoutSynced(let layout): self = .progress("layout_synced", about: layout.hex)
        case .tookOut(let node), .tookOutByForce(let node): self = .peer(node, state: "out")
        case .damaged(let path): self = .progress("damaged", about: "\(path)")
        case .repaired(let path): self = .progress("repaired", about: "\(path)")
        case .noGoodCopy(let path): self = .progress("no_good_copy", about: "\(path)")
        case .mayStop: self = .progress("may_stop", about: "")
        case .duplicateNode, .foreignCluster, .clockInDoubt, .diskRolledBack, .stays: return nil
        }
    }
}
