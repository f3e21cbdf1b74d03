/// The numbers of this room, each with its reason.
package enum MembershipLimits {
    /// Between two probes of one node: with it a dead node is first missed within about a second,
    /// whatever the size of the cluster, and a node sends a few datagrams a second.
    package static let period = Duration.milliseconds(500)

    /// How long a direct probe waits before others are asked to probe: some ten round trips of a
    /// local network, and time for the rest of the period.
    package static let probeTimeout = Duration.milliseconds(200)

    /// Who is asked to probe in this node's place. With 5 % loss each of them misses a live node
    /// once in five times; all three together with the direct probe once in 1,700.
    package static let helpersCount = 3

    /// How many are told at once that this node refuted; beside those to whom it sends anyway. As
    /// the time to refute is running, that does not wait for the next probe.
    package static let refutationsCount = 3

    /// The highest local health score: a node that misses answers itself waits up to nine times
    /// as long before it blames others (Lifeguard, section 4.1).
    package static let healthMax = 8

    /// A node that is called so much after its deadline stood still: half of a probe's time-out,
    /// far above what a loaded machine delays a timer by.
    package static let lateMax = Duration.milliseconds(100)

    /// The shortest suspicion is this many periods times log10 of the cluster's size (at least 1):
    /// time for the suspected node to hear of it and for its answer to reach everybody.
    package static let suspicionPeriods = 5

    /// The longest suspicion, of a node that nobody else misses, against the shortest one.
    package static let suspicionFactor = 6

    /// As many others that miss the node make its suspicion the shortest (Lifeguard, section 4.2).
    package static let confirmationsCount = 3

    /// A datagram that no network on the way has to cut: IPv6's least MTU less headers.
    package static let datagramByteCountMax = 1200

    /// Updates that go along with one message: as many as fit a datagram. When nothing happens there
    /// are none.
    package static let updatesPerMessage = 24

    /// Each update is sent this many times log2 of the cluster's size: enough to reach everybody
    /// with high probability (SWIM, section 4.1).
    package static let updateRounds = 3

    /// Between two pings of nodes that are dead: a healed cut is found within seconds.
    package static let deadPingInterval = Duration.seconds(2)

    /// Between two comparisons of the whole table with a random peer.
    package static let tableInterval = Duration.seconds(30)

    /// While nobody is known to be alive, seeds are asked again this often.
    package static let helloInterval = Duration.seconds(1)

    /// A store that restarts counts as alive for so long.
    package static let restartMax = Duration.seconds(30)

    /// Restarting peers that are pinged along with a dead one: more do not restart at once, but
    /// where all do.
    package static let restartingPingsMax = 8

    /// Between two reminders that a dead node's grace is over.
    package static let graceInterval = Duration.seconds(5)

    /// A node that was dead for so long is forgotten; one that left, after an hour.
    package static let forgetDead = Duration.seconds(7 * 86_400)
    package static let forgetLeft = Duration.seconds(3600)

    /// After this long in a life a node that nobody told of is taken for gone.
    package static let unknownAfter = Duration.seconds(60)

    /// Between two words about one duplicated id; and lives that a node takes in this time to top
    /// such a claim: as many sides of cuts as heal at one time, since each may remember another life
    /// of a disk that was replaced. Two nodes with one id would raise their lives against each other
    /// without end.
    package static let duplicateInterval = Duration.seconds(60)
    package static let lifeRaisesMax = 4

    /// Duplicated ids of which it is known when they were said last; of more nothing is said.
    package static let duplicatesMax = 256

    /// Probes on behalf of others that are under way.
    package static let relaysMax = 256

    /// Nodes to be said hello to while nobody is alive: seeds, those remembered, those found. Enough
    /// for one of them to be there; each costs a datagram a second meanwhile.
    package static let hellosMax = 128

    /// Peers in one table: a datagram from an attacker cannot make it grow without end.
    package static let peersMax = 10_000

    /// Places looked at for a new peer where the table is full.
    package static let placesTried = 32

    /// Bytes of tables sent in a period, as a short question makes a long answer: one table of
    /// 1,000 peers has some 50 KB. What found no room is asked again.
    package static let tableBytesMax = 262_144

    /// A node that was sent no table yet asks again so soon, so many times.
    package static let firstTableInterval = Duration.seconds(1)
    package static let firstTablesMax = 10

    /// A round trip above this says too little about a clock.
    package static let clockRoundTripMax = Duration.seconds(1)
}
