"""Chaos: clients on all nodes of a real cluster, faults by seed, and a check of what they were told.

    chaos.py [--policy available|majority] [--seed N] [--runs N] [--nodes N] [--seconds S] [--keep DIRECTORY] [--canary]

Prints for each run its seed, faults and counts; of a broken promise the shortest part of the history that shows it, and
the command that runs it again (the same faults at the same times; what the processes do meanwhile is theirs). Exits 1
where a promise was broken. Wants root, and leaves nothing behind. With --canary the nodes go by `available` and are
held to the promises of `majority`, with cuts: it exits 0 when each run finds that they do not keep them.
"""

import argparse
import os
import random
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from history import ABSENT, DONE, History, Violation  # noqa: E402
from linear import check_registers  # noqa: E402
from mishaps import Mischief, drawn  # noqa: E402
from promises import check_copies, check_kept, check_sets, check_stale, losing_to_swaps  # noqa: E402
from workload import Board, Worker, Workload  # noqa: E402
from world import World  # noqa: E402
import network  # noqa: E402
from harness import adopt_orphans, eventually  # noqa: E402

REGISTER_KINDS = ("read", "write", "swap", "create", "delete")
SET_KINDS = ("add", "remove", "look", "list")
CLIENTS_PER_NODE = 2
CALM_SECONDS = 4
AFTERWARDS_SECONDS = 4
# Nodes answer alike within seconds; only what never does is a finding.
AGREE_SECONDS = 90
# A fault still under way at the end of a run is over soon.
FAULT_SECONDS = 90


class Run:
    """One run: founding, chaos, rest, a calm while, and the last reads."""

    def __init__(self, policy, seed, nodes, seconds, profile=None, held_to=None):
        self.policy, self.seed, self.count, self.seconds = policy, seed, nodes, seconds
        self.profile = profile
        # The policy whose promises are checked; another one for a canary.
        self.held_to = held_to or policy
        self.history, self.calm = History(), History()
        self.board = Board(self.history)
        self.calm_board = Board(self.calm, "calm/")
        self.lines = []
        self.violations = []
        self.undecided = 0
        self.finals = {}
        self.losers = 0
        self.conflicts = []
        self.zero = time.monotonic()
        self.world = None

    def note(self, text):
        self.lines.append(f"{time.monotonic() - self.zero:7.3f}  {text}")

    def execute(self):
        """Runs it; `violations` says what was found."""
        self.world = World(self.count, self.policy, self.note)
        self.note("starting")
        self.world.found()
        self.note("founded")
        self.zero = time.monotonic()
        workload = Workload(self.world, self.board, CLIENTS_PER_NODE, self.seed).start()
        mishaps, self.profile = drawn(f"{self.policy} {self.seed}", self.world.names, self.seconds, self.profile)
        mischief = Mischief(self.world, mishaps, self.note, self._conflict).start()
        mischief.join(self.seconds + FAULT_SECONDS)
        self.note("the faults are over")
        self.world.heal()
        # What is asked right after the end of the faults is the most telling.
        time.sleep(AFTERWARDS_SECONDS)
        workload.stop()
        self.world.wait_rest()
        for thread in self.conflicts:
            thread.join()
        self.note("the cluster is at rest")
        calm = Workload(self.world, self.calm_board, CLIENTS_PER_NODE, f"calm {self.seed}").start()
        time.sleep(CALM_SECONDS)
        calm.stop()
        self._last_reads()
        self.note("everything was read")
        self._check()

    def _conflict(self, one, other, still_apart):
        """One write on either side of a cut, to a file of its own."""
        if self.policy != "available":
            return
        key = f"c/{len(self.conflicts)}"

        def write_both():
            workers = [Worker(self.world, self.board, node, f"{node.node_id}.c", key) for node in (one, other)]
            found = []
            threads = [
                threading.Thread(target=lambda worker=worker: found.append(worker.write(key))) for worker in workers]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            if still_apart():
                for op in found:
                    if op is not None:
                        op.notes["apart"] = True
            for worker in workers:
                worker.close()
        thread = threading.Thread(target=write_both)
        self.conflicts.append(thread)
        thread.start()

    # The end.

    def _last_reads(self):
        workers = [Worker(self.world, self.board, node, f"{node.node_id}.last", self.seed) for node in self.world.nodes]
        try:
            for key in sorted(self.history.by_key(*REGISTER_KINDS)):
                eventually(AGREE_SECONDS, lambda key=key: self._agree(workers, key), f"one answer of all about {key}")
            for key, ops in sorted(self.history.by_key("add").items()):
                for worker in workers:
                    eventually(AGREE_SECONDS, lambda: self._listed(worker, key), f"a listing of {key}", 0.3)
                for op in ops:
                    worker = random.choice(workers)
                    worker.do("look", key, "GET", f"{key}/{op.value}", expected=op.value, notes={"final": True})
        finally:
            for worker in workers:
                worker.close()

    def _agree(self, workers, key):
        """Whether all nodes give the same content now."""
        found = []
        for worker in workers:
            op = worker.read(key, notes={"final": True})
            if op is None or op.outcome not in (DONE, ABSENT):
                raise AssertionError(f"{worker.name}: {op and op.line()}")
            found.append(op.value)
        if len(set(found)) > 1:
            raise AssertionError(f"{key}: {found}")
        self.finals[key] = found[0]
        return True

    def _listed(self, worker, key):
        op = worker.list(key, notes={"final": True})
        return op is not None and op.outcome in (DONE, ABSENT)

    def _check(self):
        registers = self.history.by_key(*REGISTER_KINDS)
        if self.held_to == "majority":
            found, self.undecided = check_registers(registers)
        else:
            contents = self.world.contents()
            found = check_stale(registers, self.world.troubles)
            kept, self.losers = check_kept(
                registers, self.finals, self.world.troubles, lambda name: self.board.digests[name] in contents)
            found += kept
        found += check_sets(self.history.by_key(*SET_KINDS), self.held_to, self.world.troubles)
        # Where nothing is wrong both policies are exact.
        calm = self.calm.by_key(*REGISTER_KINDS)
        if self.policy == "available":
            calm = {key: losing_to_swaps(ops) for key, ops in calm.items()}
        calm, undecided = check_registers(calm)
        self.undecided += undecided
        found += calm + check_sets(self.calm.by_key(*SET_KINDS), "majority", self.world.troubles)
        found += check_copies(self.history) + check_copies(self.calm)
        for board in (self.board, self.calm_board):
            found += [Violation("answers", text) for text in board.wrong]
        self.violations = found

    # Words.

    def summary(self):
        outcomes = {}
        for board in (self.board, self.calm_board):
            for what, number in board.counts.items():
                outcome = what if what == "not sent" else what.split(" ")[1]
                outcomes[outcome] = outcomes.get(outcome, 0) + number
        counts = ", ".join(f"{number} {what}" for what, number in sorted(outcomes.items()))
        losers = f", {self.losers} losers kept" if self.policy == "available" else ""
        undecided = f", {self.undecided} registers undecided" if self.undecided else ""
        return (f"{self.profile}; {len(self.finals)} registers; operations: {counts}{losers}{undecided}; "
                f"{len(self.violations)} violations")

    def report(self):
        return "\n".join(violation.report(self.zero) for violation in self.violations[:10])

    def save(self, directory):
        os.makedirs(directory, exist_ok=True)
        self.history.save(os.path.join(directory, "history.jsonl"))
        self.calm.save(os.path.join(directory, "calm.jsonl"))
        with open(os.path.join(directory, "run.log"), "w", encoding="utf-8") as file:
            file.write("\n".join([*self.lines, self.summary(), self.report()]) + "\n")
        if self.world is not None:
            self.world.save_logs(directory)


def run_once(policy, seed, nodes, seconds, keep=None, say=print, **options):
    """One run with everything said. Returns whether all promises held."""
    run = Run(policy, seed, nodes, seconds, **options)
    began = time.monotonic()
    failure = None
    try:
        run.execute()
    except (AssertionError, OSError) as error:
        failure = error
    finally:
        held = failure is None and not run.violations
        if keep is not None:
            run.save(os.path.join(keep, f"{policy}-{seed}"))
        if run.world is not None:
            # What was found may have to be looked for on the disks.
            run.world.close(None if held or keep is None else os.path.join(keep, f"{policy}-{seed}"))
    say(f"{policy} seed {seed}, {nodes} nodes, {time.monotonic() - began:.0f} s: {run.summary()}")
    if not held:
        say("\n".join("    " + line for line in run.lines))
        say(f"FAILED {failure or ''}\n{run.report()}")
        where = f"; everything is kept in {keep}/{policy}-{seed}" if keep is not None else ""
        say(f"again: Tests/Chaos/chaos.py --policy {policy} --seed {seed} --nodes {nodes} --seconds {seconds}{where}")
    return held


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--policy", choices=("available", "majority"), action="append")
    parser.add_argument("--seed", type=int, default=1, help="of the first run; each further one has the next")
    parser.add_argument("--runs", type=int, default=1, help="of each policy")
    parser.add_argument("--nodes", type=int, help="5, and 3 in each fourth run, if not given")
    parser.add_argument("--seconds", type=float, default=25, help="how long the faults of a run last")
    parser.add_argument("--canary", action="store_true", help="nodes that do not keep what they are held to")
    parser.add_argument("--keep", help="a directory for histories and logs")
    options = parser.parse_args()
    obstacle = network.obstacle()
    if obstacle:
        print(f"chaos: {obstacle}", file=sys.stderr)
        return 1
    adopt_orphans()
    broken = 0
    policies = ["available"] if options.canary else options.policy or ("available", "majority")
    canary = {"profile": "network", "held_to": "majority"} if options.canary else {}
    for seed in range(options.seed, options.seed + options.runs):
        for policy in policies:
            nodes = options.nodes or (3 if seed % 4 == 0 else 5)
            broken += not run_once(policy, seed, nodes, options.seconds, options.keep, **canary)
            sys.stdout.flush()
    if options.canary:
        print(f"{broken} of {options.runs} canaries were noticed")
        return 0 if broken == options.runs else 1
    print(f"{broken} runs broke a promise" if broken else "all promises held")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
