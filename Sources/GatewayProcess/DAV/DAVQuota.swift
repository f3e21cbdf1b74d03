internal import IPC
internal import Model
internal import WebDAV

/// How much room there is at paths (RFC 4331): what quotas leave of it, and the node's disk. Asked for once
/// for all that one request answers.
struct DAVQuota {
    private let status: StoreStatus
    private let list: QuotaList

    /// - Parameter completion: nil where the store does not say.
    static func find(_ link: StoreLink, completion: @escaping (DAVQuota?) -> Void) {
        link.call(.status, seconds: GatewayLimits.probeWaitSeconds) { reply in
            guard case .status(let status) = reply else { return completion(nil) }
            link.call(.quotas, seconds: GatewayLimits.probeWaitSeconds) { reply in
                guard case .quotas(let list) = reply else { return completion(nil) }
                completion(DAVQuota(status: status, list: list))
            }
        }
    }

    func room(at path: StorePath) -> DAVResource.Quota { DAVQuota.quota(for: path, status, list) }

    /// The nearest directory with a quota says what is used; the tightest limit, the disk's among them, what
    /// is left.
    static func quota(
        for path: StorePath, _ status: StoreStatus, _ list: QuotaList
    ) -> DAVResource.Quota {
        var quota = DAVResource.Quota(
            availableByteCount: status.freeByteCount, usedByteCount: status.contentByteCount)
        var nearest = 0
        for entry in list.entries {
            let directory = entry.directory
            guard let used = entry.used, entry.covers(path) else { continue }
            let left = entry.limit > used ? entry.limit - used : 0
            quota.availableByteCount = min(quota.availableByteCount, left)
            if directory.bytes.count > nearest {
                nearest = directory.bytes.count
                quota.usedByteCount = used
            }
        }
        return quota
    }

    /// What quotas leave for what comes to a path; nil where none counts it anew.
    ///
    /// - Parameter source: where it goes away; a quota over both ends has it already.
    static func left(
        in list: QuotaList, for path: StorePath, movedFrom source: StorePath?
    ) -> UInt64? {
        let limits = list.entries.compactMap { entry -> UInt64? in
            guard let used = entry.used, entry.covers(path),
                source.map({ !entry.covers($0) }) ?? true
            else { return nil }
            return entry.limit > used ? entry.limit - used : 0
        }
        return limits.min()
    }
}

extension QuotaList.Entry {
    fileprivate func covers(_ path: StorePath) -> Bool {
        path == directory || path.isBelow(directory)
    }
}
