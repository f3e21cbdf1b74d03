package import IPC
internal import Model

// What gateways say in datagrams, without a cluster key and with one.
extension PeerExchange {
    // MARK: Sending

    /// To everybody.
    mutating func broadcast(_ datagram: Datagram, now: Duration) {
        guard context.trust != nil else {
            return context.directives.append(.broadcast(datagram.bytes))
        }
        var asks: UInt64 = 0
        if case .solicit = datagram {
            asks = context.trust?.makeChallenge(for: nil, now: now) ?? 0
        }
        if let bytes = context.trust?.seal(datagram, asks: asks) {
            context.directives.append(.broadcast(bytes))
        }
    }

    mutating func sendDatagram(_ part: PeerPart, now: Duration) {
        guard part.node != context.own.node, part.part == 0, part.isLast,
            part.bytes.count <= PeeringLimits.datagramByteCountMax
        else { return context.journal.counts.messagesDropped += 1 }
        guard let address = context.book.best(of: part.node), context.admits(address) else {
            return context.journal.counts.datagramsWithoutAddress += 1
        }
        let datagram = Datagram.membership(
            MembershipDatagram(
                clusterTag: clusterTag, sender: context.own.node, message: part.message,
                payload: part.bytes))
        guard context.trust != nil else {
            context.journal.counts.datagramsSent += 1
            return context.directives.append(.sendDatagram(datagram.bytes, to: address))
        }
        guard let receiver = context.trust?.lifeNumber(of: part.node) else {
            // Its life's number belongs into the message: it is asked for, and the message waits.
            if !held.hold(part, now: now) { context.journal.counts.messagesDropped += 1 }
            return challenge(address, now: now)
        }
        let bytes = context.trust?.seal(
            datagram, answers: receiver, asks: context.own.life.number)
        guard let bytes else { return }
        context.journal.counts.datagramsSent += 1
        context.directives.append(.sendDatagram(bytes, to: address))
    }

    /// Asks who is at an address, and whether it is there now.
    private mutating func challenge(_ place: PeerAddress, now: Duration) {
        guard !links.isDraining, context.admits(place),
            context.trust?.mayChallenge(place, now: now) == true,
            let asks = context.trust?.makeChallenge(for: place, now: now),
            let bytes = context.trust?.seal(.challenge(context.own), asks: asks)
        else { return }
        context.journal.counts.challengesSent += 1
        context.directives.append(.sendDatagram(bytes, to: place))
    }

    // MARK: Receiving

    /// A datagram came, on the peer port or the discovery port.
    package mutating func datagramReceived(
        _ bytes: RawSpan, from address: PeerAddress, now: Duration
    ) {
        guard context.admits(address) else {
            return context.journal.counts.fromPublicAddresses += 1
        }
        do throws(DecodeError) {
            let received = try ReceivedDatagram(decoding: bytes)
            switch (context.trust?.authenticator, received.seal) {
            case (nil, nil): receivedOpen(received.datagram, from: address, now: now)
            case (let authenticator?, let seal?):
                guard seal.keyID == authenticator.keyID else {
                    context.journal.counts.datagramsOfOtherKeys += 1
                    return misfit(received.datagram, .otherKey, from: address, now: now)
                }
                let signed = unsafe bytes.withUnsafeBytes {
                    unsafe [UInt8]($0.dropLast(PeerAuthenticator.codeByteCount))
                }
                let purpose = received.datagram.purpose
                guard authenticator.isCode(received.code, signed, purpose) else {
                    return context.journal.counts.datagramsForged += 1
                }
                receivedSealed(received.datagram, seal, from: address, now: now)
            case (.some, nil):
                context.journal.counts.datagramsWithoutKey += 1
                misfit(received.datagram, .theirsMissing, from: address, now: now)
            case (nil, .some):
                context.journal.counts.datagramsWithKey += 1
                misfit(received.datagram, .ownMissing, from: address, now: now)
            }
        } catch {
            if case .unknown = error {
                context.journal.counts.datagramsOfOtherVersions += 1
            } else {
                context.journal.counts.datagramsMalformed += 1
            }
        }
    }

    /// Somebody whose key does not fit says that it is there: nothing of it is believed, but people may
    /// want to know.
    private mutating func misfit(
        _ datagram: Datagram, _ problem: KeyProblem, from address: PeerAddress, now: Duration
    ) {
        guard let identity = datagram.identity else { return }
        let place = PeerAddress(host: address.host, port: identity.peerPort)
        if identity.cluster == context.own.cluster {
            context.note(problem, node: identity.node, at: place, now: now)
        } else {
            heardForeign(identity, at: place, now: now)
        }
    }

    // MARK: Without a key

    private mutating func receivedOpen(
        _ datagram: Datagram, from address: PeerAddress, now: Duration
    ) {
        switch datagram {
        case .announce(let identity), .answer(let identity):
            heard(identity, from: address, now: now)
        case .solicit(let identity):
            heard(identity, from: address, now: now)
            answerOpen(identity, at: address, now: now)
        case .membership(let message):
            guard isOfThisCluster(message) else { return }
            context.book.heard(message.sender, at: address, from: .contact, now: now)
            deliver(message)
        case .challenge: break
        }
    }

    private mutating func answerOpen(
        _ identity: GatewayIdentity, at address: PeerAddress, now: Duration
    ) {
        guard mayAnswer(identity, at: address, now: now) else { return }
        context.directives.append(.sendDatagram(Datagram.answer(context.own).bytes, to: address))
    }

    private mutating func mayAnswer(
        _ identity: GatewayIdentity, at address: PeerAddress, now: Duration
    ) -> Bool {
        guard identity.cluster == context.own.cluster, identity.node != context.own.node,
            discovers, !links.isDraining
        else { return false }
        guard discovery.mayAnswer(address, now: now) else {
            context.journal.counts.answersWithheld += 1
            return false
        }
        return true
    }

    private mutating func isOfThisCluster(_ message: MembershipDatagram) -> Bool {
        guard message.clusterTag == clusterTag else {
            context.journal.counts.datagramsForeign += 1
            return false
        }
        return message.sender != context.own.node
    }

    private mutating func deliver(_ message: MembershipDatagram) {
        context.journal.counts.datagramsReceived += 1
        context.directives.append(
            .deliver(
                PeerPart(
                    node: message.sender, channel: .datagram, message: message.message, part: 0,
                    isLast: true, bytes: message.payload)))
    }

    // MARK: With a key

    /// The sender has the key. Whether it says so now is another question.
    private mutating func receivedSealed(
        _ datagram: Datagram, _ seal: DatagramSeal, from address: PeerAddress, now: Duration
    ) {
        guard let identity = datagram.identity else {
            if case .membership(let message) = datagram {
                receivedSealed(message, seal, from: address, now: now)
            }
            return
        }
        let place = PeerAddress(host: address.host, port: identity.peerPort)
        guard identity.cluster == context.own.cluster else {
            return heardForeign(identity, at: place, now: now)
        }
        if identity.node == context.own.node, identity.life.started == context.own.life.started {
            // Our own words come back, and those of the gateway that this one replaces.
            return
        }
        let standing =
            if case .answer = datagram {
                context.trust?.judgeAnswer(seal, of: identity, at: place, now: now)
            } else {
                context.trust?.judge(identity, at: place, counter: seal.counter, now: now)
            }
        switch standing {
        case .fresh: heard(identity, from: address, now: now)
        case .unproven: context.journal.counts.datagramsUnproven += 1
        case .replayed, nil: return context.journal.counts.datagramsReplayed += 1
        }
        if !answer(datagram, seal, at: place, from: address, now: now), standing == .unproven {
            challenge(place, now: now)
        }
        if standing == .fresh { sendHeld(identity.node, now: now) }
    }

    /// Answers what the datagram asks. Who is not believed is asked by the same datagram.
    /// - Returns: whether it was answered.
    private mutating func answer(
        _ datagram: Datagram, _ seal: DatagramSeal, at place: PeerAddress,
        from address: PeerAddress, now: Duration
    ) -> Bool {
        guard seal.asks != 0, let identity = datagram.identity, !links.isDraining else {
            return false
        }
        if case .solicit = datagram {
            guard mayAnswer(identity, at: address, now: now) else { return false }
        } else {
            guard context.trust?.mayProve(to: address, now: now) == true else {
                context.journal.counts.answersWithheld += 1
                return false
            }
        }
        let isBelieved = context.trust?.isBelieved(identity, at: place) ?? false
        let asks =
            isBelieved ? 0 : context.trust?.makeChallenge(for: place, now: now) ?? 0
        if let bytes = context.trust?.seal(
            .answer(context.own), answers: seal.asks, asks: asks)
        {
            context.directives.append(.sendDatagram(bytes, to: address))
        }
        return true
    }

    private mutating func receivedSealed(
        _ message: MembershipDatagram, _ seal: DatagramSeal, from address: PeerAddress,
        now: Duration
    ) {
        guard isOfThisCluster(message) else { return }
        switch context.trust?.judge(message, seal, now: now) {
        case .fresh:
            deliver(message)
            if context.trust?.isBelieved(message.sender, at: address) == true {
                context.book.heard(message.sender, at: address, from: .contact, now: now)
            } else {
                challenge(address, now: now)
            }
        case .unproven:
            // Either side has a new life of which the other does not know yet.
            context.journal.counts.datagramsUnproven += 1
            challenge(address, now: now)
        case .replayed, nil: context.journal.counts.datagramsReplayed += 1
        }
    }

    /// The node has proved its life: what waited for that goes.
    private mutating func sendHeld(_ node: NodeID, now: Duration) {
        for part in held.take(node) { sendDatagram(part, now: now) }
    }

    // MARK: Who is there

    private mutating func heardForeign(
        _ identity: GatewayIdentity, at place: PeerAddress, now: Duration
    ) {
        context.journal.counts.datagramsForeign += 1
        if context.journal.heardForeign(identity.cluster, at: place, now: now) {
            context.say(
                .info,
                "a node of the cluster \"\(identity.cluster)\" is in this network, at"
                    + " \(place.host): not ours")
        }
    }

    private mutating func heard(
        _ identity: GatewayIdentity, from address: PeerAddress, now: Duration
    ) {
        let place = PeerAddress(host: address.host, port: identity.peerPort)
        guard identity.cluster == context.own.cluster else {
            return heardForeign(identity, at: place, now: now)
        }
        guard identity.node != context.own.node else {
            // Our own words come back, and those of the gateway that this one replaces.
            if identity.life.started != context.own.life.started {
                context.note(
                    "another node has the id \(identity.node): give one of them another (--node-id)",
                    node: identity.node, address: place, now: now)
            }
            return
        }
        let isNewPlace = !context.book.knows(identity.node, at: place)
        context.book.heard(identity.node, at: place, from: .discovery, now: now)
        if discovery.heard(identity, at: place, isNewPlace: isNewPlace, now: now) {
            context.directives.append(.found(identity.node))
            links.nodeHeard(identity.node, &context, now: now)
        }
    }
}
