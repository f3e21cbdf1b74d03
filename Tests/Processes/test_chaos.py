"""A short run of chaos under each policy (`make chaos` has the long ones), and the checkers' own tests."""

import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "Chaos"))

import network  # noqa: E402
from chaos import run_once  # noqa: E402
from test_checkers import Calm, Copies, Kept, Linear, Sets, Stale  # noqa: E402, F401: the loader finds them here

LONG = os.environ.get("CLUSTERF_LONG") == "yes"
# Of those with few faults at a time, and some of each kind.
SEEDS = range(1, 5) if LONG else range(1, 2)
SECONDS = 25 if LONG else 9


class Chaos(unittest.TestCase):
    def run_with(self, policy):
        obstacle = network.obstacle()
        if obstacle:
            self.skipTest(obstacle)
        for seed in SEEDS:
            with self.subTest(seed=seed):
                said = []
                held = run_once(policy, seed, 5 if LONG else 3, SECONDS, say=said.append)
                print(f"      {said[0]}", flush=True)
                self.assertTrue(held, "\n".join(said))

    def test_under_majority_registers_are_linearizable_and_sets_keep_everything(self):
        self.run_with("majority")

    def test_under_available_nothing_is_lost_and_losers_are_kept(self):
        self.run_with("available")


if __name__ == "__main__":
    unittest.main()
