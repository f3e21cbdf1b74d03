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

/// What was told last of which file: each disk that has a file tells the same.
struct ToldChanges {
    private var told = RecentSet<FileChange>(max: StoreLimits.toldChangesMax)

    /// Whether it is new.
    mutating func insert(_ change: FileChange) -> Bool {
        guard told.insert(change) else { return false }
        // Deleted again, it is told again.
        if change.version != nil { told.remove(FileChange(path: change.path, version: nil)) }
        return true
    }
}

// What happens, for those who watch. Nothing is put together while nobody does, here or elsewhere.
extension Store {
    func watch(_ link: Link, _ notice: WatchNotice) {
        cluster.watchers.set(link, isOn: notice.isOn)
        watchOthers()
    }

    func watcherClosed(_ link: Link) {
        cluster.watchers.set(link, isOn: false)
        watchOthers()
    }

    private func watchOthers() {
        let isOn = !cluster.watchers.isEmpty
        if !isOn { cluster.told = ToldChanges() }
        clusterEvent { node, now, _, _ in node.watch(isOn, now) }
    }

    /// What this node's disk learned.
    func tellChanges(_ changes: [Change]) {
        guard !cluster.watchers.isEmpty || cluster.node.isWatched else { return }
        let news = changes.compactMap { change in
            change.isNews
                ? FileChange(path: change.path, version: change.stored?.record.version.dot) : nil
        }
        guard !news.isEmpty else { return }
        clusterEvent { node, now, _, directives in
            node.changed(news, now, into: &directives)
        }
        tellWatchers(news)
    }

    /// What this node's disk learned, or others'.
    func tellWatchers(_ changes: [FileChange]) {
        guard !cluster.watchers.isEmpty else { return }
        let events = changes.compactMap { change -> EventsNotice.Event? in
            guard cluster.told.insert(change) else { return nil }
            return .file(change.path, version: change.version)
        }
        cluster.watchers.tell(events)
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
