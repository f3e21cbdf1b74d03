"""What goes wrong in a run: drawn by seed before it begins, then done at its times."""

import random
import signal
import threading
import time

# Kinds, and how often they are drawn.
PROCESSES = {
    "kill store": 3, "kill gateway": 3, "kill supervisor": 2, "kill node": 4, "kill two nodes": 1,
    "stop store": 1, "stop gateway": 1, "pause node": 2, "restart store": 1, "restart gateway": 1,
}
NETWORK = {"halves": 5, "isolate": 3, "one way": 2, "bridge": 1, "unplug": 1, "loss": 1}
CLOCKS = {"clock a little": 2, "clock an hour": 2}
FACTOR = {"factor": 3}
# What goes wrong in a run; every other one has a bit of everything.
PROFILES = {
    "everything": {**PROCESSES, **NETWORK, **CLOCKS, **FACTOR},
    "network": {**NETWORK, **CLOCKS},
    "processes": {**PROCESSES, **CLOCKS},
    "layouts": {**FACTOR, "kill node": 1, "halves": 1, "kill store": 1},
}
FACTORS = (1, 2, 2, 3, 3, 5)
# So long is looked whether somebody is back; whoever is not counts as doubtful to the end.
BACK_SECONDS = 20


class Mishap:
    """One fault: from `begin` for `length` seconds after the begin of the run."""

    def __init__(self, kind, begin, length, nodes, number):
        self.kind = kind
        self.begin = begin
        self.length = length
        self.nodes = nodes    # the names of all nodes, shuffled: the first are those concerned
        self.number = number  # a draw for what the kind needs

    def __repr__(self):
        return f"{self.begin:5.1f} s {self.kind} {' '.join(self.nodes[:2])} for {self.length:.1f} s"


def drawn(seed, names, seconds, profile=None, every=2.0):
    """The mishaps of a run, one about every `every` seconds, some at the same time, and the name of their profile."""
    rng = random.Random(f"mishaps {seed}")
    profile = profile or rng.choice(["everything"] * 3 + sorted(set(PROFILES) - {"everything"}))
    weights = PROFILES[profile]
    mishaps, at = [], 1.0
    while at < seconds - 1:
        kind = rng.choices(list(weights), list(weights.values()))[0]
        nodes = rng.sample(names, len(names))
        mishaps.append(Mishap(kind, at, min(rng.uniform(2, 9), seconds - at), nodes, rng.random()))
        at += rng.uniform(0.3, 2 * every)
    return mishaps, profile


class Mischief:
    """Does the mishaps of a run in a thread."""

    def __init__(self, world, mishaps, note, conflict=None):
        self.world = world
        self.mishaps = mishaps
        self.note = note
        # Called while two halves are cut apart, with a node of either and a function that says whether they still are.
        self.conflict = conflict
        self.failure = None
        self.cuts = {}
        self.thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        self.thread.start()
        return self

    def join(self, seconds):
        self.thread.join(seconds)
        if self.thread.is_alive():
            raise AssertionError("a fault of the run does not come to its end")
        if self.failure is not None:
            raise self.failure

    def _run(self):
        try:
            zero = time.monotonic()
            agenda = []
            for index, mishap in enumerate(self.mishaps):
                agenda.append((mishap.begin, index, self._begin, mishap))
            while agenda:
                agenda.sort(key=lambda entry: entry[:2])
                at, index, act, mishap = agenda.pop(0)
                time.sleep(max(0.0, zero + at - time.monotonic()))
                follows = act(mishap)
                for delay, act in follows or ():
                    agenda.append((at + delay, index, act, mishap))
        except Exception as error:  # noqa: BLE001: said by join
            self.failure = error

    # What begins and ends.

    def _begin(self, mishap):
        self.note(f"{mishap!r}")
        return getattr(self, "_" + mishap.kind.replace(" ", "_"))(mishap)

    def _node(self, mishap, index=0):
        return self.world.by_name[mishap.nodes[index]]

    def _away(self, names, what):
        troubles = self.world.troubles
        return troubles.begin(troubles.away(set(names)), what, time.monotonic())

    def _over(self, span):
        self.world.troubles.end(span, time.monotonic())

    def _until_back(self, node, span):
        return self._until_all_back([node], span)

    # Processes.

    def _kill_worker(self, mishap, name, number=signal.SIGKILL):
        node = self._node(mishap)
        span = self._away([node.node_id], mishap.kind)
        node.signal_worker(name, number)
        return [(0.5, self._until_back(node, span))]

    def _kill_store(self, mishap):
        return self._kill_worker(mishap, "store")

    def _kill_gateway(self, mishap):
        return self._kill_worker(mishap, "gateway")

    def _stop_store(self, mishap):
        return self._kill_worker(mishap, "store", signal.SIGSTOP)

    def _stop_gateway(self, mishap):
        return self._kill_worker(mishap, "gateway", signal.SIGSTOP)

    def _restart_store(self, mishap):
        return self._restart(mishap, "store")

    def _restart_gateway(self, mishap):
        return self._restart(mishap, "gateway")

    def _restart(self, mishap, name):
        node = self._node(mishap)
        if node.is_down or node.is_paused:
            return None
        span = self._away([node.node_id], mishap.kind)
        node.control("restart", name, check=False)
        return [(0.5, self._until_back(node, span))]

    def _kill_supervisor(self, mishap):
        node = self._node(mishap)
        if node.is_down or node.is_paused:
            return None
        span = self._away([node.node_id], mishap.kind)
        node.is_down = True
        node.kill()
        return [(mishap.length, self._up([node], span))]

    def _kill_node(self, mishap, count=1):
        nodes = [self._node(mishap, index) for index in range(count)]
        nodes = [node for node in nodes if not node.is_down and not node.is_paused]
        span = self._away([node.node_id for node in nodes], mishap.kind)
        for node in nodes:
            node.down()
        return [(mishap.length, self._up(nodes, span))]

    def _kill_two_nodes(self, mishap):
        return self._kill_node(mishap, 2)

    def _up(self, nodes, span):
        def up(_):
            for node in nodes:
                node.destroy()
                node.up()
            return [(0.5, self._until_all_back(nodes, span))]
        return up

    def _until_all_back(self, nodes, span):
        """The trouble ends when the nodes say again that they are ready; asked every half second, for a while."""
        until = time.monotonic() + BACK_SECONDS

        def look(_):
            if all(not node.is_down and not node.is_paused and node.is_ready() for node in nodes):
                self._over(span)
                return None
            return [(0.5, look)] if time.monotonic() < until else None
        return look

    def _pause_node(self, mishap):
        node = self._node(mishap)
        if node.is_down or node.is_paused:
            return None
        span = self._away([node.node_id], mishap.kind)
        node.pause()

        def resume(_):
            node.resume()
            return [(0.5, self._until_back(node, span))]
        return [(mishap.length, resume)]

    # The network. Cuts that overlap are made anew when one of them ends.

    def _cut(self, mishap, apply, pairs, meanwhile=()):
        troubles = self.world.troubles
        span = troubles.begin(pairs, mishap.kind, time.monotonic())
        self.cuts[mishap] = apply
        apply()

        def heal(_):
            del self.cuts[mishap]
            self.world.network.heal()
            for again in self.cuts.values():
                again()
            self._over(span)
            return None
        return [*meanwhile, (mishap.length, heal)]

    def _apart(self, mishap, groups):
        network = self.world.network
        hosts = [[self.world.by_name[name].host for name in group] for group in groups]
        pairs = {
            pair for index, group in enumerate(groups) for other in groups[index + 1:]
            for a in group for b in other for pair in ((a, b), (b, a))}
        meanwhile = []
        if self.conflict is not None and mishap.kind == "halves" and mishap.length > 4:
            def write_on_both(_):
                sides = [[self.world.by_name[name] for name in group] for group in groups]
                living = [[node for node in side if not node.is_down and not node.is_paused] for side in sides]
                if all(living):
                    self.conflict(living[0][0], living[1][0], lambda: mishap in self.cuts)
                return None
            meanwhile = [(min(3.0, mishap.length - 1), write_on_both)]
        return self._cut(mishap, lambda: network.cut(*hosts), pairs, meanwhile)

    def _halves(self, mishap):
        middle = 1 + int(mishap.number * (len(mishap.nodes) - 1))
        return self._apart(mishap, [mishap.nodes[:middle], mishap.nodes[middle:]])

    def _isolate(self, mishap):
        return self._apart(mishap, [mishap.nodes[:1], mishap.nodes[1:]])

    def _bridge(self, mishap):
        """Two groups that do not hear each other, and one node that hears both."""
        rest = mishap.nodes[1:]
        middle = len(rest) // 2
        return self._apart(mishap, [rest[:middle], rest[middle:]])

    def _one_way(self, mishap):
        node = self._node(mishap)
        others = [other.host for other in self.world.nodes if other is not node]
        network = self.world.network
        if mishap.number < 0.5:
            apply = lambda: network.drop([node.host], others)  # noqa: E731
        else:
            apply = lambda: network.drop(others, [node.host])  # noqa: E731
        return self._cut(mishap, apply, self.world.troubles.away({node.node_id}))

    def _loss(self, mishap):
        percent = 5 + int(mishap.number * 35)
        everybody = self.world.troubles.away(set(self.world.names))
        return self._cut(mishap, lambda: self.world.network.lose(percent), everybody)

    def _unplug(self, mishap):
        node = self._node(mishap)
        span = self._away([node.node_id], mishap.kind)
        self.world.network.unplug(node.host)

        def plug(_):
            self.world.network.plug(node.host)
            self._over(span)
            return None
        return [(mishap.length, plug)]

    # Clocks and settings.

    def _clock(self, mishap, seconds):
        node = self._node(mishap)
        node.clock.shift(seconds)

        def back(_):
            node.clock.shift(0)
            return None
        return [(mishap.length, back)]

    def _clock_a_little(self, mishap):
        return self._clock(mishap, (mishap.number - 0.5) * 20)

    def _clock_an_hour(self, mishap):
        return self._clock(mishap, 3600 if mishap.number < 0.5 else -3600)

    def _factor(self, mishap):
        factor = FACTORS[int(mishap.number * len(FACTORS))]
        self.note(f"        replication factor {factor}: {self.world.set_factor(factor)}")
        return None
