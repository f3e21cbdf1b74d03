/// The numbers of this room, each with its reason.
package enum CRDTLimits {
    // Clock.

    /// A clock farther than this from the median of its peers is wrong: far above what NTP or a
    /// person's wristwatch leaves, far below an hour of daylight saving.
    package static let clockErrorMaxMilliseconds: Int64 = 60_000
    /// A peer's offset is forgotten after this: a few probes of each peer at 1,000 nodes lie in it,
    /// and a clock that was set right is believed again.
    package static let clockOffsetAge: Duration = .seconds(300)
    /// Offsets kept: a median of so many moves only when half of them are wrong.
    package static let clockOffsetCountMax = 64
    /// The wall clock against the monotonic one: below this it was slewed or read late, above it
    /// it was set.
    package static let clockJumpMinMilliseconds: Int64 = 1_000

    // Entries.

    /// Names of settings: a word with dots.
    package static let settingKeyByteCountMax = 64
    /// A setting is a line, at most a list of hosts.
    package static let settingValueByteCountMax = 4_096
    /// Some dozens are known; 256 × 4 KiB stays a megabyte.
    package static let settingCountMax = 256
    /// Nodes ever seen: `Layout.memberCountMax` and their predecessors are below it for a cluster
    /// of the size that this program is made for.
    package static let registerCountMax = 10_000
    /// Interfaces × address families of one machine.
    package static let addressCountMax = 16
    /// A DNS name's limit (RFC 1035); host and port together are cut there.
    package static let addressByteCountMax = 255
    package static let zoneByteCountMax = 64
    package static let programVersionByteCountMax = 64
    /// Layouts that one disk declares synced: the transition under way and those that it overtook.
    package static let syncedCountMax = 8
    /// The name of a cluster, as on the command line.
    package static let clusterNameByteCountMax = 64
    /// Ids that an operator's merges replaced.
    package static let absorbedCountMax = 8

    // Layout.

    /// Copies of each file where nobody said otherwise.
    package static let replicationFactorDefault: UInt8 = 3
    /// Nothing is published above so many active layouts, each operation asking a quorum of each,
    /// while one of them can still become complete.
    package static let publishCountMax = 16
    /// Active layouts kept at most. Merges of more than a dozen sides that published apart from each
    /// other lead above `publishCountMax`, and nodes that go one after the other; beyond this the youngest that are not
    /// complete are dropped, which memory asks for and safety does not like.
    package static let activeCountMax = 64

    /// A draft that was quiet for so long is published: changes of one moment (a rack that comes
    /// up) have met by gossip and make one layout.
    package static let publishQuiet: Duration = .seconds(2)
    /// And longer for each node above a hundred: what all nodes say at one time, of one that is dead,
    /// takes some seconds to meet among a thousand, and every layout costs each of them a word with
    /// each other.
    package static let publishQuietPerNode: Duration = .milliseconds(4)
    /// From one node's turn to publish to the next one's: a published layout reaches 1,000 nodes.
    package static let publishTurn: Duration = .seconds(5)
    /// All from this turn on publish at once: the seven before them did not.
    package static let publishRankMax = 7
    /// A draft that never is quiet is published after this, at most six times a minute.
    package static let publishDelayMax: Duration = .seconds(10)
    package static let publishDelayMaxPerNode: Duration = .milliseconds(20)

    // Gossip.

    /// The period in which changes are passed on: as SWIM's.
    package static let rumorInterval: Duration = .milliseconds(500)
    /// Peers a period. With 3, a change reaches 1,000 nodes in about six periods.
    package static let rumorFanOut = 3
    /// Periods beyond ⌈log2(N + 1)⌉ in which a change is passed on: for lost messages.
    package static let rumorRoundsExtra = 4
    /// Repair: one sum to one peer. What rumors missed is found by any of the N peers that ask,
    /// so within about this time.
    package static let digestInterval: Duration = .seconds(5)
    /// Between two questions of one that is not informed: a round trip of repair.
    package static let questionInterval: Duration = .milliseconds(50)
    /// Questions that follow one at once, each after the answer to the one before: a state of many
    /// messages, and news on the way.
    package static let questionRounds = 4
    /// A message's entries together; one entry alone may be larger (a layout of many members).
    package static let messageByteCountMax = 64 << 10
    /// Answers to one summary: 4 MiB bring a new node up to date at 10,000 nodes.
    package static let repairMessageCountMax = 64
    /// Entries above this are offered by name in rumors and fetched by those that lack them: a
    /// layout of 1,000 members is 60 KiB, and a rumor is said 40 times.
    package static let offerByteCountMin = 4 << 10
    /// What a repair brings is passed on as a rumor only where it is so little: a node that was
    /// away fetches a lot that everybody else has.
    package static let repairSpreadMax = 32
    /// Parts into which entries are divided for repair: 2 KiB of sums tell at 10,000 entries
    /// which 40 to look at.
    package static let bucketCount = 256
    /// Retired layouts whose offers are not followed.
    package static let retiredCountMax = 64
    /// A foreign cluster on the same network is said this often.
    package static let conflictInterval: Duration = .seconds(30)
    /// A message is refused above this many bytes: all layouts of a large cluster at once.
    package static let decodeByteCountMax = 8 << 20
}
