internal import Cluster
internal import IPC
internal import Loop
internal import Membership
internal import Model
internal import Transfer

// Quotas: writes that add to what is below a directory are asked about before they are begun.
extension Store {
    /// The cluster's setting may be another one by now.
    func obeyQuotas() {
        let quotas = cluster.node.clusterSettings.quotas
        if let obeyed = cluster.quotas.obeyed, obeyed == quotas { return }
        cluster.quotas.obeyed = quotas
        cluster.quotas.book.set(quotas)
        let directories = quotas.map(\.directory)
        cluster.quotas.sums.keep(directories)
        engine.writer.submit(.setQuotas(directories))
    }

    func quotasChanged(_ news: [QuotaNews]) {
        let wasLoaded = cluster.quotas.isLoaded
        for one in news { cluster.quotas.apply(one) }
        if !wasLoaded, cluster.quotas.isLoaded { checkQuotaRefresh() }
    }

    func quotaStatus() -> QuotaList {
        if !cluster.quotas.book.quotas.isEmpty { refreshQuotasIfOld() }
        let entries = cluster.quotas.book.quotas.prefix(IPCLimits.quotasMax).map { quota in
            let use = cluster.quotas.book.use(of: quota)
            return QuotaList.Entry(
                directory: quota.directory, limit: quota.limit, used: use?.byteCount,
                isComplete: use?.isComplete ?? false)
        }
        return QuotaList(entries: Array(entries))
    }

    // MARK: Writes

    /// Asks whether quotas have room for a write, which is under way from then on, until `quotaEnded`.
    /// - Parameter then: called with why not; within this call where memory has the answer.
    func admit(_ write: QuotaBook.Write, _ then: @escaping (RemoteError?) -> Void) {
        guard cluster.quotas.book.concerns(write) else { return then(nil) }
        if cluster.quotas.book.admits(write, loop.now) {
            refreshQuotasIfOld()
            return then(nil)
        }
        decide(write, arrival: loop.now, attempt: 1, then)
    }

    /// By fresh sums, and with what makes way for it.
    private func decide(
        _ write: QuotaBook.Write, arrival: Duration, attempt: Int,
        _ then: @escaping (RemoteError?) -> Void
    ) {
        refreshQuotas {
            self.askCluster(.get(write.path, .checked)) { answer in
                var old: UInt64 = 0
                if case .file(let record) = answer { old = record.byteCount }
                let isLast = attempt >= StoreLimits.quotaAttemptsMax
                let verdict = self.cluster.quotas.book.decide(
                    write, replacing: old, arrival: arrival, isLast: isLast)
                switch verdict {
                case .admitted: then(nil)
                case .refused(let refusal):
                    then(RemoteError(.quotaExceeded, refusal.message, hint: refusal.hint))
                case .unclear:
                    self.afterQuotaDelay {
                        self.decide(write, arrival: arrival, attempt: attempt + 1, then)
                    }
                }
            }
        }
    }

    private func afterQuotaDelay(_ then: @escaping () -> Void) {
        cluster.quotas.lastDelayed += 1
        let number = cluster.quotas.lastDelayed
        cluster.quotas.delayed[number] = then
        do {
            _ = try loop.schedule(after: ClusterLimits.quotaCommitDelay) { [weak self] in
                self?.assumeIsolated { $0.cluster.quotas.delayed.removeValue(forKey: number)?() }
            }
        } catch {
            Log.error("no timer for a write that quotas concern", ["error": "\(error)"])
            cluster.quotas.delayed.removeValue(forKey: number)?()
        }
    }

    /// - Parameter isWritten: or may be.
    func quotaEnded(_ operation: OperationID, isWritten: Bool = true) {
        cluster.quotas.book.end(operation, isWritten: isWritten, loop.now)
    }

    // MARK: Sums

    private func refreshQuotasIfOld() {
        if let age = cluster.quotas.book.age(loop.now), age < ClusterLimits.quotaAgeMin { return }
        guard cluster.quotas.refresh == nil, cluster.quotas.waiting.isEmpty else { return }
        refreshQuotas {}
    }

    /// Calls `then` when the sums are known as they are from now on, or as far as nodes answer.
    private func refreshQuotas(_ then: @escaping () -> Void) {
        cluster.quotas.waiting.append(then)
        beginQuotaRefresh()
    }

    private func beginQuotaRefresh() {
        guard cluster.quotas.refresh == nil, cluster.quotas.pause == nil,
            !cluster.quotas.waiting.isEmpty
        else { return }
        let now = loop.now
        if let last = cluster.quotas.lastBegan, now - last < StoreLimits.quotaPause {
            return pauseQuotaRefresh(until: last + StoreLimits.quotaPause)
        }
        let asked = cluster.node.peerViews
            .filter { !$0.isOwn && $0.isThere }.map(\.node)
        cluster.quotas.lastBegan = now
        cluster.quotas.lastNumber += 1
        let number = cluster.quotas.lastNumber
        cluster.quotas.refresh = QuotaSide.Refresh(
            number: number, began: now, asked: asked, missing: Set(asked),
            waiting: cluster.quotas.waiting)
        cluster.quotas.waiting = []
        cluster.quotas.said = cluster.quotas.said.filter { asked.contains($0.key) }
        for node in asked { send(.word(.asksQuotas(number: number)), to: node) }
        do {
            cluster.quotas.timer = try loop.schedule(after: StoreLimits.quotaWait) { [weak self] in
                self?.assumeIsolated { $0.endQuotaRefresh() }
            }
        } catch {
            Log.error("no timer for other nodes' sums", ["error": "\(error)"])
            return endQuotaRefresh()
        }
        checkQuotaRefresh()
    }

    private func pauseQuotaRefresh(until deadline: Duration) {
        do {
            cluster.quotas.pause = try loop.schedule(after: deadline - loop.now) { [weak self] in
                self?.assumeIsolated { store in
                    store.cluster.quotas.pause = nil
                    store.beginQuotaRefresh()
                }
            }
        } catch {
            Log.error("no timer for other nodes' sums", ["error": "\(error)"])
            cluster.quotas.lastBegan = nil
            beginQuotaRefresh()
        }
    }

    private func checkQuotaRefresh() {
        guard let refresh = cluster.quotas.refresh, refresh.missing.isEmpty,
            cluster.quotas.isLoaded
        else { return }
        endQuotaRefresh()
    }

    private func endQuotaRefresh() {
        guard let refresh = cluster.quotas.refresh else { return }
        cluster.quotas.refresh = nil
        cluster.quotas.timer?.cancel()
        cluster.quotas.timer = nil
        let own = cluster.ownQuotaUses()
        let uses = cluster.quotas.total(own, asked: refresh.asked)
        cluster.quotas.book.refreshed(uses, asOf: refresh.began)
        for then in refresh.waiting { then() }
        beginQuotaRefresh()
    }

    // MARK: Peers

    func received(quotas word: StoreWord, from peer: NodeID) {
        switch word {
        case .asksQuotas(let number):
            let own = cluster.quotas.isLoaded ? cluster.ownQuotaUses() : [:]
            let uses = own.sorted { $0.key < $1.key }.prefix(TransferLimits.quotasMax).map {
                QuotaUse(
                    directory: $0.key, byteCount: $0.value.byteCount,
                    isComplete: $0.value.isComplete)
            }
            send(.word(.quotas(number: number, Array(uses))), to: peer)
        case .quotas(let number, let uses):
            guard cluster.quotas.refresh?.number == number,
                cluster.quotas.refresh?.missing.remove(peer) != nil
            else { return }
            cluster.quotas.said[peer] = Dictionary(
                uses.map {
                    ($0.directory, .init(byteCount: $0.byteCount, isComplete: $0.isComplete))
                }, uniquingKeysWith: { $1 })
            checkQuotaRefresh()
        default: preconditionFailure("a word of something else")
        }
    }
}
