"""Whether the history of one register is linearizable: the search of Wing and Gong with Lowe's memory of where it has
been, as Porcupine does it.

A register holds the name of a content, or None; each content is written once. An operation whose outcome is unknown may
take effect at any time after its begin, or never.
"""

from history import ABSENT, DONE, REFUSED, UNKNOWN, Violation

# Configurations that a search visits before it gives up, undecided. A hundred thousand take seconds.
CONFIGURATIONS_MAX = 300_000
NEVER = float("inf")


class Step:
    """An operation as a register knows it: from which value to which."""

    __slots__ = ("op", "begin", "end", "kind", "value", "expected", "certain")

    def __init__(self, op, kind, value=None, expected=None):
        self.op = op
        self.begin = op.begin
        self.certain = op.outcome != UNKNOWN
        self.end = op.end if self.certain else NEVER
        self.kind = kind
        self.value = value
        self.expected = expected

    @property
    def writes(self):
        return self.kind in ("write", "swap")

    def allows(self, value):
        """Whether it may take effect while the register holds `value`."""
        if self.kind == "read":
            return value == self.value
        if self.kind == "swap":
            return value == self.expected
        if self.kind == "not":
            return value != self.expected
        return True


def steps_of(ops):
    """What the operations on one key come to; those that say nothing (a read that failed) are left out."""
    steps = []
    for op in ops:
        if op.kind == "read":
            if op.outcome == DONE:
                steps.append(Step(op, "read", op.value))
            elif op.outcome == ABSENT:
                steps.append(Step(op, "read", None))
        elif op.kind in ("write", "delete"):
            if op.outcome == ABSENT:
                steps.append(Step(op, "read", None))
            else:
                steps.append(Step(op, "write", op.value if op.kind == "write" else None))
        elif op.kind in ("swap", "create"):
            expected = op.expected if op.kind == "swap" else None
            refused = op.outcome == REFUSED
            steps.append(Step(op, "not" if refused else "swap", op.value, expected))
        else:
            raise ValueError(f"{op.kind} is no operation of a register")
    return steps


def bind_observed(steps):
    """A write of unknown outcome whose content somebody saw took effect before that was seen.

    Returns the steps that may have taken effect unseen, which are only good for what they hide."""
    makers = {step.value: step for step in steps if step.writes and step.value is not None}
    changed = True
    while changed:
        changed = False
        for step in steps:
            if step.end == NEVER:
                continue
            seen = step.value if step.kind == "read" else step.expected if step.kind == "swap" else None
            maker = makers.get(seen) if seen is not None else None
            if maker is not None and not maker.certain and maker.end > step.end:
                maker.end = step.end
                changed = True
    return [step for step in steps if step.end == NEVER]


class Search:
    """The search for an order. `answer`: True, False, or None where it gave up."""

    def __init__(self, ops, initial=None):
        steps = steps_of(ops)
        unseen = bind_observed(steps)
        self.initial = initial
        self.must = sorted((step for step in steps if step.end != NEVER), key=lambda step: (step.begin, step.end))
        # In the order of their begins, so that of several that are alike the earliest goes first.
        self.may = sorted(unseen, key=lambda step: step.begin)
        self.visited = set()
        self.answer = self._run()

    def _run(self):
        # A step that ends before it begins was seen before it was asked for.
        if any(step.end < step.begin for step in self.must):
            return False
        stack = [(0, 0, 0, self.initial)]
        while stack:
            config = self._settle(*stack.pop())
            if config is None:
                return True
            if config in self.visited:
                continue
            if len(self.visited) >= CONFIGURATIONS_MAX:
                return None
            self.visited.add(config)
            stack.extend(self._after(*config))
        return False

    def _window(self, low, done):
        """The steps that may be next: none of the others ended before they began."""
        first_end = NEVER
        window = []
        index = low
        while index < len(self.must) and self.must[index].begin <= first_end:
            if not done >> (index - low) & 1:
                step = self.must[index]
                window.append(index)
                first_end = min(first_end, step.end)
            index += 1
        return [index for index in window if self.must[index].begin <= first_end], first_end

    def _settle(self, low, done, used, value):
        """Takes every step that is possible now and changes nothing: none of them is better taken later.

        Returns None when nothing is left to explain."""
        while True:
            while done & 1:
                done >>= 1
                low += 1
            if low == len(self.must):
                return None
            window, _ = self._window(low, done)
            taken = [index for index in window if not self.must[index].writes and self.must[index].allows(value)]
            if not taken:
                return low, done, used, value
            for index in taken:
                done |= 1 << (index - low)

    def _after(self, low, done, used, value):
        """The configurations one write further on; the likeliest last, since it is tried first."""
        window, first_end = self._window(low, done)
        found = []
        # What was never seen is of use only to explain a refusal, or that there is no file.
        blocked = any(
            self.must[index].kind == "not" and not self.must[index].allows(value) for index in window)
        alike = set()
        for index, step in enumerate(self.may):
            if used >> index & 1 or step.begin > first_end or not step.allows(value):
                continue
            if step.value is not None and not blocked:
                continue
            # All of these hide what is there and are as good as each other, whenever they are used.
            likeness = (step.kind, step.expected, step.value is None)
            if likeness in alike:
                continue
            alike.add(likeness)
            found.append((low, done, used | 1 << index, step.value))
        for index in sorted(window, key=lambda index: -self.must[index].end):
            step = self.must[index]
            if step.writes and step.allows(value):
                found.append((low, done | 1 << (index - low), used, step.value))
        return found


def is_linearizable(ops, initial=None):
    return Search(ops, initial).answer


def cut_at(ops, time):
    """The history as it was known at a time: what had not ended by then is unknown."""
    cut = []
    for op in ops:
        if op.begin > time:
            continue
        if op.is_known and op.end > time:
            if op.kind == "read":
                continue
            copy = type(op)(**op.as_dict())
            copy.outcome, copy.end = UNKNOWN, None
            op = copy
        cut.append(op)
    return cut


def shortest(ops):
    """The shortest part of a history that is not linearizable: the earliest end of it that shows it, less what can be
    left out without making an order of the rest harder."""
    ends = sorted(op.end for op in ops if op.is_known)
    low, high = 0, len(ends) - 1
    while low < high:
        middle = (low + high) // 2
        if is_linearizable(cut_at(ops, ends[middle])) is False:
            high = middle
        else:
            low = middle + 1
    part = cut_at(ops, ends[low]) if ends else list(ops)
    if is_linearizable(part) is not False:
        return list(ops)
    for op in sorted(part, key=lambda op: op.begin):
        fewer = [other for other in part if other is not op]
        if _may_leave_out(op, fewer) and is_linearizable(fewer) is False:
            part = fewer
    return part


def _may_leave_out(op, others):
    """Whether the rest has an order if all has one."""
    if op.kind == "read" or op.outcome == REFUSED or (op.kind == "delete" and op.outcome == ABSENT):
        return True
    if any(other.outcome == REFUSED for other in others):
        return False
    if op.kind == "delete":
        # It may be all that explains that there is no file.
        return not any(
            other.outcome == ABSENT or other.kind == "create" for other in others)
    return not any(
        (other.kind == "read" and other.value == op.value)
        or (other.kind == "swap" and other.expected == op.value) for other in others)


def check_registers(keys):
    """Violations among the histories of registers by key, and how many of them could not be decided."""
    violations, undecided = [], 0
    for key, ops in sorted(keys.items()):
        answer = is_linearizable(ops)
        if answer is None:
            undecided += 1
        elif answer is False:
            part = shortest(ops)
            violations.append(Violation(
                "linearizable", f"no order of the operations on {key} explains their answers "
                f"({len(part)} of {len(ops)})", part))
    return violations, undecided
