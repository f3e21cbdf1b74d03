internal import IPC
internal import Model
internal import NIOCore

/// How many of this node's partitions have too few copies: counted when somebody asks, and told
/// again for a while, because the store looks at every partition to answer.
final class PartitionCounts {
    struct Count: Equatable {
        var underReplicated: Int
        /// There are more than were counted.
        var isMinimum: Bool
    }

    private let loop: any EventLoop
    private let link: StoreLink
    private var last: (count: Count, goodUntil: NIODeadline)?
    /// Who waits while it is counted.
    private var waiting: [(Count?) -> Void] = []

    init(loop: any EventLoop, link: StoreLink) {
        self.loop = loop
        self.link = link
    }

    /// The count; nil where the store does not answer.
    func get(_ completion: @escaping (Count?) -> Void) {
        if let last, loop.now < last.goodUntil { return completion(last.count) }
        waiting.append(completion)
        guard waiting.count == 1 else { return }
        ask(after: nil, found: 0, pages: 1, began: loop.now)
    }

    private func ask(after: Partition?, found: Int, pages: Int, began: NIODeadline) {
        let request = PartitionHealthRequest(
            after: after, limit: UInt32(IPCLimits.listingPageCountMax), onlyUnderReplicated: true)
        link.call(.partitionHealth(request), seconds: GatewayLimits.probeWaitSeconds) {
            [self] reply in
            guard case .health(let page) = reply else { return end(nil) }
            let count = found + page.entries.count
            let hasMore = page.hasMore && !page.entries.isEmpty
            if hasMore, pages < GatewayLimits.countedPagesMax {
                return ask(
                    after: page.entries.last?.partition, found: count, pages: pages + 1,
                    began: began)
            }
            let now = loop.now
            let took = (now - began).nanoseconds
            let age = max(
                GatewayLimits.countAgeMin * 1_000_000_000, took * GatewayLimits.countTimeShare)
            let told = Count(underReplicated: count, isMinimum: hasMore)
            last = (told, now + .nanoseconds(age))
            end(told)
        }
    }

    private func end(_ count: Count?) {
        let all = waiting
        waiting = []
        for completion in all { completion(count) }
    }
}
