/// The numbers of what gateways say to each other, each with its reason.
package enum PeeringLimits {
    // MARK: Bytes

    /// What a membership datagram carries: SWIM keeps below 1,200 bytes, so that no network cuts it;
    /// this leaves room for other times.
    package static let datagramByteCountMax = 8 << 10
    /// A hello and what may be appended to it later: before the handshake a stranger makes this
    /// gateway keep no more.
    package static let helloByteCountMax = 4 << 10
    /// A refusal's sentence.
    package static let sentenceByteCountMax = 1 << 10

    // MARK: Addresses

    /// Nodes with addresses: ten times the largest cluster that is simulated.
    package static let nodesMax = 10_000
    /// Addresses of one node: as many as it may name itself.
    package static let addressesMax = 16

    // MARK: Connections

    /// A TCP connect within a network of people takes milliseconds; a machine that is off takes this
    /// long to be given up, and the next address is tried.
    package static let dialMax: Duration = .seconds(3)
    /// From the connect to the end of the handshake: one round trip, however busy the other side.
    package static let handshakeMax: Duration = .seconds(5)
    /// Accepted connections before their hello: strangers hold no more descriptors than this.
    package static let strangersMax = 128
    /// Links in use. A cluster of 1,000 nodes gossips with random peers: each node would hold 1,000
    /// connections for ever; with half of that few are closed while they are of use, and a node
    /// of 1,000 MiB of memory and 1,024 descriptors still runs.
    package static let linksMax = 512
    /// Connections that fetch contents from this gateway at a time: each may hold a window of a file in
    /// memory. Who is refused asks again, here or elsewhere.
    package static let bulkConnectionsMax = 64
    /// Connections in all, with those that are about to close.
    package static let connectionsMax = 1_024
    /// A link that carried nothing for this long is closed: gossip with everybody in a cluster of a
    /// hundred comes round sooner, and a new one costs two round trips.
    package static let idleMax: Duration = .seconds(60)
    /// A side that sent nothing for this long says that it is alive.
    package static let aliveInterval: Duration = .seconds(2)
    /// Nothing came for so long: four times the interval, so that a lost segment and its repetition
    /// end no link. Below it a peer whose machine vanished holds back what is sent to it.
    package static let silenceMax: Duration = .seconds(8)
    /// How long a connection that is left may take to finish a message under way.
    package static let leaveMax: Duration = .seconds(5)

    // MARK: Trying again

    package static let backOffMin: Duration = .milliseconds(100)
    /// A peer that comes back is reached within this; a cluster of 1,000 nodes without its half tries
    /// 125 connects a second.
    package static let backOffMax: Duration = .seconds(4)
    /// After a refusal that people have to settle (another cluster, another version).
    package static let refusedBackOff: Duration = .seconds(30)
    /// The part of a wait that is left to chance, so that peers do not try in step.
    package static let jitterDivisor: Int64 = 4
    /// How soon a peer without any address is looked up again.
    package static let noAddressWait: Duration = .milliseconds(500)

    // MARK: Messages that wait

    /// Of one peer: two of the largest messages that stores make (8 MiB).
    package static let queueByteCountMax = 16 << 20
    /// Of one peer: small messages have their own cost.
    package static let queueMessagesMax = 4_096
    /// Of all peers together: a gateway whose peers are all away stays a small process.
    package static let queuesByteCountMax = 64 << 20
    /// What waited for so long was asked again by its store, or given up.
    package static let queueAgeMax: Duration = .seconds(10)
    /// Bytes handed to a connection and not yet taken by the kernel; the rest waits in the queue, where
    /// it is bounded. Two parts of a message, so that the wire is never without work.
    package static let unwrittenByteCountMax = 1 << 20

    // MARK: Discovery

    /// When a gateway asks who is there: at once, and again in case that was lost or others had not
    /// started; then it only announces itself.
    package static let solicitTimes: [Duration] = [
        .zero, .milliseconds(200), .milliseconds(500), .milliseconds(900),
    ]
    /// Between announcements: a few bytes of a network each, and a node that nobody heard of for
    /// want of all its first datagrams is found within this.
    package static let announceInterval: Duration = .seconds(5)
    /// One asker is answered no more often, however it asks.
    package static let answerInterval: Duration = .milliseconds(400)
    /// Answers a second in all: in a cluster of 1,000 nodes that start at once each answers a part of
    /// those who ask, which is enough, since all announce themselves as well.
    package static let answersPerSecond = 200
    /// A neighbour that was silent for three announcements and comes back is news again.
    package static let neighbourSilence: Duration = .seconds(16)

    // MARK: Freshness, where there is a cluster key

    /// How long an answer to a number is taken: a round trip of any network, and a busy machine.
    package static let challengeAge: Duration = .seconds(3)
    /// Numbers that were asked and are not answered yet: at the rate below those of three seconds.
    package static let challengesMax = 1_024
    /// One address is challenged no more often, whoever says what from there.
    package static let challengeInterval: Duration = .milliseconds(200)
    /// Challenges a second in all: recordings make this gateway send no more. A thousand nodes that
    /// start at once are believed within a few seconds, most by their answers to its own questions.
    package static let challengesPerSecond = 400
    /// A proof answers a proof, so that both sides are believed after one and a half round trips.
    package static let proofInterval: Duration = .milliseconds(50)
    package static let proofsPerSecond = 800
    /// Counters of one sender that may come out of their order: a sender's datagrams of several seconds,
    /// at 128 bytes for each sender.
    package static let windowCounterCount = 1_024
    /// Membership messages that wait until their node has proved which life it is in: of one node, and
    /// of all. They are the first ones after a start; what is lost beyond is asked again.
    package static let heldOfNodeMax = 8
    package static let heldMax = 512
    package static let heldAge: Duration = .seconds(1)

    // MARK: Seeds (--join)

    package static let seedsMax = 64
    package static let seedBackOffMin: Duration = .milliseconds(250)
    /// A name may be missing for hours: a try each half minute costs nothing.
    package static let seedBackOffMax: Duration = .seconds(30)
    /// A seed whose node was heard within this is not looked for.
    package static let seedSilence: Duration = .seconds(60)

    // MARK: Memory of what happened

    package static let foreignNamesMax = 16
    package static let incidentsMax = 64
    /// Hosts with another cluster key, or on one side only: more are not told apart.
    package static let keyProblemsMax = 16
    /// A key that is wrong shows itself again by the next announcement or dial; what was not seen for this
    /// long is settled, and may be forgotten for another.
    package static let keyProblemAge: Duration = .seconds(90)

    // MARK: Time

    /// A gateway that was stopped for longer than this counts no silence of others for the while.
    package static let pauseMin: Duration = .seconds(1)
}
