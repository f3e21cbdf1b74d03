"""What each write policy promises (docs/ARCHITECTURE.md), checked on a history.

Under `majority` every read after an acknowledged write sees it: registers are linearizable (linear.py), sets lose
nothing and bring nothing back. Under `available` a read has to see what was acknowledged where it reaches a disk that
has it; nothing that was acknowledged is lost at the end; who loses a conflict is kept.
"""

from history import ABSENT, DONE, REFUSED, UNKNOWN, Op, Violation

# A link that was cut, or a node that was away, counts as doubtful for so long after.
RECOVERY_SECONDS = 15.0
FOREVER = float("inf")
CHANGES = ("write", "swap", "create", "delete")


class Troubles:
    """When which node may not have reached which disk, and what the replication factor was."""

    def __init__(self, nodes):
        self.nodes = list(nodes)
        self.spans = []
        self.factors = []

    def begin(self, pairs, what, time):
        """`pairs`: (node that asks, node whose disk it may not reach). Returns the span, for `end`."""
        span = {"pairs": frozenset(pairs), "what": what, "begin": time, "end": FOREVER}
        self.spans.append(span)
        return span

    @staticmethod
    def end(span, time):
        span["end"] = time + RECOVERY_SECONDS

    def away(self, names):
        """The pairs of nodes that nobody reaches and that reach nobody."""
        return {(a, b) for a in self.nodes for b in self.nodes if a in names or b in names}

    def doubtful(self, node, begin, end):
        """The disks that `node` may not have reached at some time of this span."""
        return {
            b for span in self.spans if span["begin"] <= end and span["end"] >= begin
            for a, b in span["pairs"] if a == node}

    def factor(self, factor, time):
        """The replication factor that somebody asked for; it may count from now on, or a while later."""
        self.factors.append((time, factor))

    def least_factor(self, begin, end):
        known = [factor for time, factor in self.factors if begin - RECOVERY_SECONDS <= time <= end]
        before = [factor for time, factor in self.factors if time <= begin]
        return min(known + before[-1:], default=1)

    def is_seen(self, node, op, until):
        """Whether `node` reached, up to a time, a disk that has what `op` was acknowledged to have written."""
        factor = self.least_factor(op.begin, until)
        copies = min(op.notes.get("copies", 0), factor)
        if not copies:
            # Nothing was said: as many as the policy asks for where everybody is reached.
            copies = factor // 2 + 1 if not self.doubtful(op.node, op.begin, op.end) else 0
        return len(self.doubtful(node, op.begin, until)) < copies


def changes_of(ops):
    """The operations that changed a register, or may have."""
    return [op for op in ops if op.kind in CHANGES and op.outcome not in (REFUSED, ABSENT)]


def ended(op):
    return op.end if op.is_known else FOREVER


# Registers under `available`.

def check_stale(keys, troubles):
    """No stale read where a disk that has the newer is reached."""
    violations = []
    for key, ops in sorted(keys.items()):
        changes = changes_of(ops)
        makers = {op.value: op for op in changes if op.value is not None}
        for read in ops:
            if read.kind != "read" or read.outcome not in (DONE, ABSENT):
                continue
            found = _missed(read, changes, makers, troubles)
            if found:
                violations.append(Violation("no stale read", f"{key}: a read missed what it had to see", found))
    return violations


def _missed(read, changes, makers, troubles):
    """The operations that show that a read was stale."""
    for newer in changes:
        if newer.outcome != DONE or newer.end >= read.begin or newer.value == read.value:
            continue
        if not troubles.is_seen(read.node, newer, read.end):
            continue
        if read.value is not None:
            maker = makers.get(read.value)
            if maker is None:
                return [newer, read]  # Nobody ever wrote that.
            older = [maker]
        else:
            older = [op for op in changes if op.kind == "delete"]
        if all(_is_below(op, newer, troubles) for op in older):
            return [*older, newer, read]
    return None


def _is_below(op, newer, troubles):
    """Whether `newer` knew of `op`, so that it ranks above it everywhere."""
    return op.outcome == DONE and op.end < newer.begin and troubles.is_seen(newer.node, op, newer.end)


def check_kept(keys, finals, troubles, has_content):
    """At the end nothing acknowledged is gone that nothing followed; who lost a conflict is kept.

    `finals`: key -> the content that all nodes give. `has_content(name)`: whether a disk has it."""
    violations, losers = [], 0
    for key, ops in sorted(keys.items()):
        if key not in finals:
            continue
        changes = changes_of(ops)
        for op in changes:
            if op.outcome != DONE or op.value == finals[key]:
                continue
            others = [other for other in changes if other is not op]
            if any(ended(other) > op.begin and not other.notes.get("apart") for other in others):
                continue  # Something may have followed it and taken its place, knowing it.
            winner = [other for other in others if other.value == finals[key]]
            known = [other for other in winner if _is_below(other, op, troubles)]
            if not winner and finals[key] is not None:
                violations.append(Violation(
                    "no lost write", f"{key}: {finals[key]} is there, which nobody wrote", [op]))
            elif known or not winner:
                violations.append(Violation(
                    "no lost write", f"{key}: at the end there is {finals[key]}, and nothing followed this",
                    [*known, op]))
            elif op.value is not None:
                losers += 1
                if not has_content(op.value):
                    violations.append(Violation(
                        "losers are kept", f"{key}: {finals[key]} won, and the other is on no disk", [*winner, op]))
    return violations, losers


def losing_to_swaps(ops):
    """A history as `available` has it where nothing is wrong: of a conditional write and an unconditional one at one
    time the latter may lose, as if nobody knew whether it took effect (its content is kept as a conflict's)."""
    swaps = [op for op in changes_of(ops) if op.kind in ("swap", "create")]
    weaker = []
    for op in ops:
        if op.kind in ("write", "delete") and op.outcome == DONE and any(
                swap.begin < op.end and ended(swap) > op.begin for swap in swaps):
            op = Op(**dict(op.as_dict(), outcome=UNKNOWN, end=None))
        weaker.append(op)
    return weaker


# Copies.

def check_copies(history):
    """What an answer counted as copies was on so many disks when it came."""
    return [
        Violation("copies", f"{op.key}/{op.value}: {op.notes['found']} disks had it when it was acknowledged", [op])
        for op in history.ops if "found" in op.notes and op.notes["found"] < op.notes["copies"]]


# Sets.

def check_sets(keys, policy, troubles):
    """An acknowledged element is listed and readable, one whose removal was acknowledged is not; ever after under
    `majority`, where it is reached under `available`, and everywhere at the end."""
    violations = []
    for key, ops in sorted(keys.items()):
        adds = {op.value: op for op in ops if op.kind == "add"}
        removes = {op.value: op for op in ops if op.kind == "remove" and op.outcome != ABSENT}
        for look in ops:
            if look.kind == "list" and look.outcome in (DONE, ABSENT):
                names = set(look.value or ())
                for name in names - set(adds):
                    violations.append(Violation("sets", f"{key}: {name} is listed, which nobody added", [look]))
                for name, add in adds.items():
                    found = _set_violation(look, name in names, add, removes.get(name), policy, troubles)
                    if found:
                        violations.append(Violation("sets", f"{key}/{name}: {found[0]}", found[1]))
            elif look.kind == "look" and look.outcome in (DONE, ABSENT):
                name = look.expected
                found = _set_violation(look, look.outcome == DONE, adds[name], removes.get(name), policy, troubles)
                if found:
                    violations.append(Violation("sets", f"{key}/{name}: {found[0]}", found[1]))
    return violations


def _set_violation(look, is_there, add, remove, policy, troubles):
    def must_be_known(op):
        if op is None or op.outcome != DONE or op.end >= look.begin:
            return False
        if look.notes.get("final"):
            return True
        is_pending = op.notes.get("listing") == "pending" or troubles.doubtful(op.node, op.begin, op.end)
        if look.kind == "list" and is_pending:
            # Acknowledged before its directory's holders had the entry.
            return False
        return policy == "majority" or troubles.is_seen(look.node, op, look.end)

    if is_there:
        if add.begin > look.end:
            return "it is there before anybody added it", [look, add]
        if must_be_known(remove):
            return "its removal was acknowledged, and it is there", [add, remove, look]
    elif must_be_known(add) and (remove is None or remove.begin > look.end):
        return "it was acknowledged, and is not there", [add, look]
    return None
