/// How far a planned leave has come.
///
/// ```
///          leave             everything handed over          all know      some goodbyes later
///   none ────────▶ handingOver ──────────────────▶ telling ─────────▶ goodbye ────────▶ gone
///     ▲                │  ▲                          │ │
///     └──── cancelled ─┘  └── something came ────────┘ │
///     └──────────────────── cancelled ─────────────────┘
/// ```
///
/// Until the goodbye the node serves, and a leave that was begun goes on in its next life. Who dies
/// meanwhile is as dead as any other node.
enum Departure: Hashable, Sendable {
    case none
    /// Out of the draft: what the disk has goes to the holders.
    case handingOver
    /// The disk is empty and takes nothing in; the register says that the node has left. Since then.
    case telling(Duration)
    /// Peers are told, again and again until then; requests that are open are answered.
    case goodbye(Duration)
    /// That the node has left is being made durable, or is.
    case gone

    /// Whether the disk is no place for anything any more.
    var takesNothing: Bool {
        switch self {
        case .none, .handingOver: false
        case .telling, .goodbye, .gone: true
        }
    }

    /// Whether the goodbye is said, and nothing new is begun.
    var isOver: Bool {
        switch self {
        case .none, .handingOver, .telling: false
        case .goodbye, .gone: true
        }
    }
}
