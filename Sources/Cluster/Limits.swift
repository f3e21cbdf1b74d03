/// The numbers of this room, each with its reason.
package enum ClusterLimits {
    /// How often a node looks after what is open: fine enough for the time-outs below, coarse
    /// enough to cost nothing when idle.
    package static let tick = Duration.milliseconds(100)

    /// What a node may have to say until a sync ends: answers to all clients that a store has open (4096), and as
    /// many messages. Beyond it messages are lost.
    package static let heldDirectivesMax = 8192

    /// Names of a list that the disk's writer tells in between: the first one says whether there is a directory.
    package static let shortListMax = 4

    /// A node that waits for nothing looks around this often: the period of gossip.
    package static let idleTick = Duration.milliseconds(500)

    /// How long a forwarded write may take at its coordinator: above what a write takes when one
    /// holder does not answer.
    package static let coordinationTimeout = Duration.seconds(3)

    /// How long a forwarded request may have been on its way, to be begun without asking back.
    package static let freshness = Duration.seconds(1)

    /// After this another coordinator is tried: the two above and a margin for clocks that run
    /// unequally; a fraction of what a client waits.
    package static let forwardTimeout = Duration.milliseconds(4500)

    /// A client is answered by then, with what is known.
    package static let clientTimeout = Duration.seconds(18)

    /// A client is answered by then where so many of the holders are dead that there is no majority:
    /// enough for one that starts again to be heard, and below what people take for a hang.
    package static let hopelessTimeout = Duration.seconds(3)

    /// How long background work waits for an answer.
    package static let backgroundTimeout = Duration.seconds(3)

    /// An operation whose id is older than this when it arrives may be a repeated one; younger ones
    /// cannot be, but for those from before this life: clients wait longer before they repeat. (A clock that differs by as much costs a
    /// look-up, nothing else.)
    package static let repeatAgeMilliseconds: UInt64 = 500

    /// After layouts differed, the wait before the operation starts again: gossip takes a round
    /// trip to settle it.
    package static let layoutDelay = Duration.milliseconds(50)

    /// Other clusters within reach that are told apart: more than anybody runs side by side.
    package static let foreignMax = 16

    /// Peers remembered to have told the cluster's state in this life: more than anybody's seeds.
    package static let heardCountMax = 1024

    /// How long everybody must have been there before conditional writes count as exact again,
    /// after a take-over without a majority: some rounds of handing back and comparing.
    package static let wholeAfter = Duration.seconds(30)
    /// Between two looks whether everybody is: each goes over all nodes.
    package static let wholeInterval = Duration.seconds(5)

    /// Between two comparisons of the state that peers with other layouts call for: below the wait
    /// above, so that the next attempt finds it settled. In a large cluster more, so that all nodes
    /// together make a thousand a second: gossip is as fast there.
    package static let mismatchInterval = Duration.milliseconds(40)
    package static let mismatchIntervalPerNode = Duration.milliseconds(1)

    /// How long a starting node waits to hear from others before it forms a layout of its own.
    package static let startWait = Duration.seconds(2)

    /// How long a starting node that reaches only such as know nothing of its disk waits for the other
    /// members: longer than a restart of their machines' network, and short for people whose other
    /// machines are gone.
    package static let voucherWait = Duration.seconds(15)

    /// Between two epochs of a disk that changes: a roll-back by more than this is noticed for
    /// certain. In a large cluster more, so that all nodes together change one register a second,
    /// which is some hundred bytes a second at each node.
    package static let epochInterval = Duration.seconds(10)
    package static let epochIntervalPerNode = Duration.seconds(1)

    /// Peers that a starting node asks at a time what they remember of its disk, and how long it
    /// waits for one: a few round trips.
    package static let epochQuestionsMax = 5
    package static let epochTimeout = Duration.seconds(1)

    /// Sequences passed over by a disk that nobody can vouch for: more than were given out between
    /// any snapshot and its return.
    package static let sequencesSkipped: UInt64 = 1 << 32

    /// A node that has handed over everything waits at most so long until gossip has told that it
    /// leaves: twice what a change takes to reach 1,000 nodes, where others' changes never end.
    package static let tellingMax = Duration.seconds(6)

    /// For how long goodbyes are said, and how often: with one datagram in twenty lost, a peer of
    /// 1,000,000 hears none of five (and takes the node for dead then).
    package static let goodbyeTime = Duration.milliseconds(2400)
    package static let goodbyeInterval = Duration.milliseconds(500)

    /// Between two comparisons with fellow holders.
    package static let compareInterval = Duration.seconds(2)

    /// Between two rows with the hybrid clock's reading: versions are above all that is known of
    /// their path anyway; for settings and layouts a wall clock that was set back must not matter.
    package static let clockSaveInterval = Duration.seconds(1)

    /// Between two rounds of upkeep: settling, and rows of the outbox that could not be worked on.
    package static let upkeepInterval = Duration.seconds(1)

    /// Between two looks for what has aged.
    package static let ageInterval = Duration.seconds(10)

    /// Rows of the outbox worked on at a time.
    package static let outboxCountMax = 32

    /// After this a move that is not over is finished by whoever knows of it: its mover, whose client is
    /// answered by `clientTimeout`, is gone.
    package static let moveGrace = Duration.seconds(30)

    /// Between two looks for such moves, where there are any; and how many are finished at a time.
    package static let moveInterval = Duration.seconds(5)
    package static let movesMax = 32

    /// Exchanges of partitions at a time: each may hold some registers in memory.
    package static let exchangesMax = 8

    /// Nodes asked at one time what they have of the partitions to be taken over: at a thousand nodes
    /// everybody asks everybody at each change of the layout.
    package static let takeOverAskedMax = 32

    /// How long a node waits with a take-over, for each member above a hundred: a new layout takes
    /// so long to reach everybody, and who has not heard of it gives nothing. Changes that follow at
    /// once are then taken over as one.
    package static let takeOverDelayPerNode = Duration.milliseconds(3)

    /// A node that could not be asked for a take-over, mostly since it has not heard of the layout
    /// yet, is asked again after this: a period of gossip.
    package static let takeOverRetry = Duration.milliseconds(500)

    /// Peers that an operator's pass compares with at a time: comparisons are small, and what they find
    /// waits for its turn anyway.
    package static let repairPeersMax = 8

    /// Comparisons with one peer in a pass: what the first found is brought over before the second, which
    /// finds what changed meanwhile, and what was too much at once.
    package static let repairRoundsMax: UInt32 = 1024

    /// Comparisons in a row that came to nothing, before a peer is left.
    package static let repairFailuresMax = 5

    /// Exchanges that wait or run: what a comparison finds beyond them, the next one finds again.
    package static let exchangesWaiting = 256

    /// What a version counts beside its content when it moves: about its size on the wire.
    package static let recordByteCount: Int64 = 256

    /// Names of a directory that are searched for a file whose shown name was cut: as many would have
    /// to begin with the same 192 bytes.
    package static let cutNamesMax = 256

    /// Registers in one message that moves a partition.
    package static let mergeCountMax = 64

    /// Aged registers worked on in one round.
    package static let agedCountMax = 64

    /// Between two audits of a partition's entries: a node with files in every partition comes
    /// round in nine hours, and asks some hundred questions a second while it does.
    package static let auditInterval = Duration.milliseconds(500)

    /// Between two steps of the scrub, and registers in one: a disk with 100,000 of them is checked
    /// in two hours.
    package static let scrubInterval = Duration.seconds(1)
    package static let scrubCountMax = 16

    /// Damaged registers whose other holders are being asked at a time: others wait for the next
    /// walk of the scrub.
    package static let damageChecksMax = 64

    /// Between two words to people about a file of which there is no good copy: it is looked for each few
    /// seconds all the same. And how many such are remembered: beyond, all are said again.
    package static let lossInterval = Duration.seconds(3600)
    package static let lossesMax = 1024

    /// Between two audits of partitions into which something came from other disks.
    package static let auditDueInterval = Duration.milliseconds(100)

    /// Entries that an audit remembers as wrong until it sees them again.
    package static let wrongEntriesMax = 1024

    /// An entry that is wrong for less may be about to follow by itself.
    package static let auditAge = Duration.seconds(10)

    /// Paths looked at for locks below a directory that is to be locked with all that is in it, or of which
    /// all locks are asked for; and where its traces are cleared.
    package static let lockWalkMax = 1024

    /// Traces of a directory from which on those below which there are no locks go: the room that is left
    /// is for locks of other names that are taken at one time. And so many are looked at at one time: a
    /// question each, once for as many new names.
    package static let lockTracesCleared = 192
    package static let lockTracesClearedMax = 64

    /// So long that may take of the time of the lock for which it is done.
    package static let lockClearTime = Duration.seconds(3)

    /// So long before a lock's time is over it is given back where it cannot be granted: a ballot.
    package static let lockUndoTime = Duration.seconds(3)

    /// How long a node that read that nobody uses locks does not look again; and so how long the first lock
    /// waits after hours without any. Each node that writes reads the root so often at the most; and half
    /// a second is short for who opens a document.
    package static let lockLease = Duration.milliseconds(500)

    /// How long a trace of locks below a directory is good for: it is written once in this time,
    /// not with each lock.
    package static let lockTraceAge = Duration.seconds(7200)

    /// The largest message between nodes, file contents apart: as a frame's (docs/IPC.md).
    package static let messageByteCountMax = 1 << 20

    /// Client requests that one node has open at a time; more are answered 503. A write is two: what it
    /// is, and its look for locks.
    package static let clientsMax = 8192

    /// For how long changes are told to who asked for them, and how often it asks again: a node that
    /// comes anew is asked by the next time, and one that is gone is told nothing for long.
    package static let watchLease = Duration.seconds(30)
    package static let watchInterval = Duration.seconds(5)

    /// Nodes that are told of changes: as many as there may be.
    package static let watchersMax = 2000

    /// Changes in one message: with the longest paths it stays below `messageByteCountMax`.
    package static let changesMax = 200

    /// Quotas that there may be: each file of a disk is compared with all of them, and each costs 512 KiB
    /// of memory.
    package static let quotaCountMax = 16

    /// How old what a node knows of the use of quotas may be when it takes a write by it: by so much
    /// writers at several nodes may exceed a quota together.
    package static let quotaAge = Duration.seconds(5)

    /// From this age on it is asked for anew beside the writes, so that those that go on never wait.
    package static let quotaAgeMin = Duration.seconds(2)

    /// A write that was acknowledged is in the disks' sums by then: its commit follows its answer at
    /// once.
    package static let quotaCommitDelay = Duration.milliseconds(500)

    /// Writes that are not surely in the sums yet are remembered by so long a time of their answers; so
    /// many times at the most.
    package static let quotaSlot = Duration.milliseconds(100)
    package static let quotaSlotsMax = 64
}
