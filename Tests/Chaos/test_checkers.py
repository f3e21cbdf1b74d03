"""The checkers of Tests/Chaos find what is wrong, and nothing else: histories made by hand."""

import random
import unittest

from history import ABSENT, DONE, REFUSED, UNKNOWN, History, Op
from linear import check_registers, is_linearizable, shortest
from promises import Troubles, check_copies, check_kept, check_sets, check_stale, losing_to_swaps


def op(kind, begin, end, value=None, expected=None, outcome=DONE, node="n1", key="k", **notes):
    if end is None:
        outcome = UNKNOWN
    return Op("c", node, kind, key, begin, value=value, expected=expected, end=end, outcome=outcome, notes=notes)


def read(begin, end, value):
    return op("read", begin, end, value, outcome=DONE if value is not None else ABSENT)


class Linear(unittest.TestCase):
    def good(self, *ops):
        self.assertIs(is_linearizable(list(ops)), True)

    def bad(self, *ops):
        self.assertIs(is_linearizable(list(ops)), False)
        found, _ = check_registers({"k": list(ops)})
        self.assertEqual(len(found), 1)

    def test_what_follows_one_another(self):
        self.good(read(0, 1, None), op("write", 2, 3, "a"), read(4, 5, "a"), op("delete", 6, 7), read(8, 9, None))
        self.good()

    def test_a_stale_read(self):
        self.bad(op("write", 0, 1, "a"), op("write", 2, 3, "b"), read(4, 5, "a"))

    def test_a_lost_write(self):
        self.bad(op("write", 0, 1, "a"), read(2, 3, None))

    def test_a_read_beside_a_write_may_see_either(self):
        for seen in ("a", "b"):
            self.good(op("write", 0, 1, "a"), op("write", 2, 9, "b"), read(4, 5, seen))

    def test_reads_beside_a_write_do_not_go_back(self):
        write = op("write", 2, 9, "b")
        self.good(op("write", 0, 1, "a"), write, read(3, 4, "a"), read(5, 6, "b"))
        self.bad(op("write", 0, 1, "a"), write, read(3, 4, "b"), read(5, 6, "a"))

    def test_what_is_read_was_written_by_somebody(self):
        self.bad(op("write", 0, 1, "a"), read(2, 3, "never"))

    def test_a_read_of_what_is_written_later(self):
        self.bad(read(0, 1, "a"), op("write", 2, 3, "a"))
        self.bad(read(0, 1, "a"), op("write", 2, None, "a"))

    def test_an_unknown_write_takes_effect_late_or_never(self):
        unknown = op("write", 0, None, "u")
        self.good(unknown, read(1, 2, None))
        self.good(unknown, op("write", 1, 2, "a"), read(3, 4, "a"), read(5, 6, "u"))
        self.bad(unknown, op("write", 1, 2, "a"), read(3, 4, "u"), read(5, 6, "a"))

    def test_an_unknown_write_takes_effect_once(self):
        self.bad(
            op("write", 0, None, "u"), read(1, 2, "u"), op("write", 3, 4, "a"), read(5, 6, "a"), read(7, 8, "u"))

    def test_an_unknown_deletion(self):
        gone = op("delete", 2, None)
        self.good(op("write", 0, 1, "a"), gone, read(3, 4, None))
        self.good(op("write", 0, 1, "a"), gone, op("write", 3, 4, "b"), read(5, 6, "b"), read(7, 8, None))
        self.bad(op("write", 0, 1, "a"), gone, read(3, 4, None), op("write", 5, 6, "b"), read(7, 8, None))
        self.good(op("write", 0, 1, "a"), gone, op("delete", 2, None), read(3, 4, None), op("write", 5, 6, "b"),
                  read(7, 8, None))

    def test_two_swaps_of_one_content(self):
        self.good(op("write", 0, 1, "a"), op("swap", 2, 5, "b", "a"), op("swap", 3, 6, "c", "a", REFUSED))
        self.bad(op("write", 0, 1, "a"), op("swap", 2, 5, "b", "a"), op("swap", 3, 6, "c", "a"))

    def test_two_creations(self):
        self.good(op("create", 0, 3, "a"), op("create", 1, 4, "b", outcome=REFUSED))
        self.bad(op("create", 0, 3, "a"), op("create", 1, 4, "b"))
        self.good(op("create", 0, 3, "a"), op("delete", 1, 4), op("create", 1, 5, "b"))

    def test_a_refusal_that_nothing_explains(self):
        self.bad(op("write", 0, 1, "a"), op("swap", 2, 3, "b", "a", REFUSED))
        self.good(op("write", 0, 1, "a"), op("write", 0, None, "u"), op("swap", 2, 3, "b", "a", REFUSED))
        self.bad(op("create", 0, 1, "a", outcome=REFUSED))
        self.good(op("write", 0, None, "u"), op("create", 0, 1, "a", outcome=REFUSED))

    def test_a_swap_that_is_lost(self):
        self.bad(op("write", 0, 1, "a"), op("swap", 2, 3, "b", "a"), read(4, 5, "a"))

    def test_an_unknown_swap_that_somebody_saw(self):
        swap = op("swap", 2, None, "b", "a")
        self.good(op("write", 0, 1, "a"), swap, read(3, 4, "a"), read(5, 6, "b"))
        self.bad(op("write", 0, 1, "a"), swap, read(3, 4, "b"), read(5, 6, "a"))
        self.bad(op("write", 0, 1, "c"), swap, read(3, 4, "b"))

    def test_a_chain_of_unknown_swaps_is_bound_by_its_end(self):
        first, second = op("swap", 2, None, "b", "a"), op("swap", 2.5, None, "c", "b")
        self.good(op("write", 0, 1, "a"), first, second, read(3, 4, "c"))
        self.bad(op("write", 0, 1, "a"), first, second, read(3, 4, "c"), read(5, 6, "b"))

    def test_a_deletion_that_found_nothing(self):
        self.bad(op("write", 0, 1, "a"), op("delete", 2, 3, outcome=ABSENT))
        self.good(op("delete", 0, 3, outcome=ABSENT), op("write", 1, 2, "a"), read(4, 5, "a"))

    def test_the_shortest_part_still_shows_it(self):
        ops = [op("write", 0, 1, "a"), op("write", 2, 3, "b")]
        ops += [read(4 + time, 4.5 + time, "b") for time in range(20)]
        ops += [read(30, 31, "a"), op("write", 32, 33, "c"), read(34, 35, "c")]
        part = shortest(ops)
        self.assertIs(is_linearizable(part), False)
        self.assertLessEqual(len(part), 4)
        self.assertIn(30, [op.begin for op in part])

    def test_made_histories_of_an_exact_register_are_good_and_their_damage_is_found(self):
        found = 0
        for seed in range(60):
            rng = random.Random(seed)
            ops = made_history(rng)
            self.assertIs(is_linearizable(ops), True, f"seed {seed}")
            reads = [op for op in ops if op.kind == "read"]
            damaged = rng.choice(reads)
            values = [op.value for op in ops if op.kind in ("write", "swap", "create") and op.end is not None
                      and op.end < damaged.begin]
            if not values:
                continue
            damaged.value, damaged.outcome = values[0], DONE
            found += is_linearizable(ops) is False
        self.assertGreater(found, 30)


def made_history(rng, clients=5, count=60):
    """What clients of an exact register would see; some outcomes are forgotten."""
    value, clock, ops, waiting = None, 0.0, [], []
    for number in range(count):
        clock += rng.random()
        kind = rng.choice(["read", "read", "write", "swap", "create", "delete"])
        begin, effect = clock, clock + rng.random() * 3
        waiting.append((effect, number, kind, begin, effect + rng.random() * 3))
    for effect, number, kind, begin, end in sorted(waiting):
        name, before = f"v{number}", value
        made = op(kind, begin, end, name)
        if kind == "read":
            made.value, made.outcome = value, DONE if value is not None else ABSENT
        elif kind == "write":
            value = name
        elif kind == "delete":
            made.value, made.outcome = None, DONE if value is not None else ABSENT
            value = None
        else:
            made.expected = rng.choice([before, "v0"]) if kind == "swap" else None
            if made.expected is None and kind == "swap":
                made.expected = "v0"
            if value == made.expected:
                value = name
            else:
                made.outcome = REFUSED
        if kind != "read" and rng.random() < 0.2:
            made.outcome, made.end = UNKNOWN, None
        ops.append(made)
    return ops


NODES = ("n1", "n2", "n3")


def calm():
    troubles = Troubles(NODES)
    troubles.factor(3, -100)
    return troubles


def cut_off(node, begin, end):
    troubles = calm()
    Troubles.end(troubles.begin(troubles.away({node}), "cut", begin), end)
    return troubles


class Stale(unittest.TestCase):
    """Registers under `available`."""

    def found(self, troubles, *ops):
        return check_stale({"k": list(ops)}, troubles)

    def history(self, seen, reader="n2"):
        return (op("write", 0, 1, "a", copies=2), op("write", 2, 3, "b", copies=2),
                op("read", 4, 5, seen, node=reader, outcome=DONE if seen else ABSENT))

    def test_a_stale_read_without_a_cut(self):
        self.assertEqual(self.found(calm(), *self.history("b")), [])
        self.assertEqual(len(self.found(calm(), *self.history("a"))), 1)
        self.assertEqual(len(self.found(calm(), *self.history(None))), 1)
        self.assertEqual(len(self.found(calm(), *self.history("never"))), 1)

    def test_a_deleted_file_without_a_cut(self):
        ops = (op("write", 0, 1, "a", copies=2), op("delete", 2, 3), op("read", 4, 5, "a"))
        self.assertEqual(len(self.found(calm(), *ops)), 1)
        self.assertEqual(self.found(calm(), *ops[:2], read(4, 5, None)), [])

    def test_a_reader_that_is_cut_off_may_be_behind(self):
        self.assertEqual(self.found(cut_off("n2", 2, 10), *self.history("a")), [])

    def test_another_node_that_is_away_excuses_nobody(self):
        self.assertEqual(len(self.found(cut_off("n3", -50, 10), *self.history("a"))), 1)

    def test_a_cut_long_ago_excuses_nobody(self):
        self.assertEqual(len(self.found(cut_off("n2", -60, -50), *self.history("a"))), 1)

    def test_one_copy_on_a_node_that_may_be_away(self):
        ops = list(self.history("a"))
        ops[1].notes["copies"] = 1
        self.assertEqual(self.found(cut_off("n3", 2, 10), *ops), [])

    def test_a_write_that_did_not_know_the_other_may_lose(self):
        ops = (op("write", 0, 1, "a", node="n1", copies=1), op("write", 2, 3, "b", node="n3", copies=1),
               op("read", 40, 41, "a", node="n2"))
        self.assertEqual(self.found(cut_off("n3", -5, 10), *ops), [])

    def test_writes_at_one_time_may_win_in_any_order(self):
        self.assertEqual(self.found(
            calm(), op("write", 0, 3, "a", copies=2), op("write", 2, 4, "b", copies=2), op("read", 5, 6, "a")), [])


class Calm(unittest.TestCase):
    """Registers under `available` where nothing is wrong."""

    def test_a_write_may_lose_to_a_conditional_one_at_the_same_time_alone(self):
        for end, answer in ((4, True), (2.5, False)):
            ops = [op("write", 0, 1, "a"), op("write", 2, end, "b"), op("swap", 3, 5, "c", "a"), read(6, 7, "c")]
            self.assertIs(is_linearizable(ops), False)
            self.assertIs(is_linearizable(losing_to_swaps(ops)), answer)


class Kept(unittest.TestCase):
    """What is there at the end under `available`."""

    def found(self, final, *ops, troubles=None, contents=()):
        return check_kept({"k": list(ops)}, {"k": final}, troubles or calm(), contents.__contains__)

    def test_a_lost_write(self):
        first, last = op("write", 0, 1, "a", copies=2), op("write", 2, 3, "b", copies=2)
        self.assertEqual(self.found("b", first, last), ([], 0))
        self.assertEqual(len(self.found("a", first, last)[0]), 1)
        self.assertEqual(len(self.found(None, first, last)[0]), 1)
        self.assertEqual(len(self.found("never", first, last)[0]), 1)

    def test_what_may_have_followed(self):
        last = op("write", 2, 3, "b", copies=2)
        self.assertEqual(self.found(None, last, op("delete", 1, None)), ([], 0))
        self.assertEqual(self.found("u", last, op("write", 0, None, "u")), ([], 0))

    def test_a_loser_of_a_conflict_is_kept(self):
        ops = (op("write", 0, 1, "a", node="n1", copies=1), op("write", 2, 3, "b", node="n3", copies=1))
        for contents, violations in ((("a", "b"), 0), (("a",), 1)):
            found, losers = self.found("a", *ops, troubles=cut_off("n3", -5, 10), contents=contents)
            self.assertEqual((len(found), losers), (violations, 1))

    def test_both_sides_of_a_cut_at_one_time(self):
        ops = (op("write", 0, 1, "a", node="n1", copies=1, apart=1),
               op("write", 0, 2, "b", node="n3", copies=1, apart=1))
        for final in ("a", "b"):
            found, losers = self.found(final, *ops, troubles=cut_off("n3", -5, 10), contents=(final,))
            self.assertEqual((len(found), losers), (1, 1))


class Copies(unittest.TestCase):
    def test_copies_that_no_disk_has(self):
        history = History()
        for found in (3, 2, 1):
            history.add(op("add", 0, 1, "x", copies=2, found=found))
        history.add(op("add", 0, 1, "y", copies=2))
        self.assertEqual([violation.ops[0].notes["found"] for violation in check_copies(history)], [1])


class Sets(unittest.TestCase):
    def found(self, policy, *ops, troubles=None):
        return check_sets({"k": list(ops)}, policy, troubles or calm())

    def listed(self, begin, end, *names, **notes):
        return op("list", begin, end, list(names), **notes)

    def test_an_element_that_is_not_listed(self):
        add = op("add", 0, 1, "x", copies=2)
        for policy in ("majority", "available"):
            self.assertEqual(self.found(policy, add, self.listed(2, 3, "x")), [])
            self.assertEqual(self.found(policy, add, self.listed(0.5, 3)), [])
            self.assertEqual(len(self.found(policy, add, self.listed(2, 3))), 1)

    def test_an_element_that_is_not_readable(self):
        add = op("add", 0, 1, "x", copies=2)
        self.assertEqual(self.found("majority", add, op("look", 2, 3, "x", expected="x")), [])
        self.assertEqual(len(self.found("majority", add, op("look", 2, 3, None, expected="x", outcome=ABSENT))), 1)

    def test_cuts_excuse_under_available_alone_and_nothing_at_the_end(self):
        ops = (op("add", 0, 1, "x", copies=2), self.listed(2, 3))
        troubles = cut_off("n1", -5, 10)
        self.assertEqual(self.found("available", *ops, troubles=troubles), [])
        late = (ops[0], op("look", 2, 3, None, expected="x", outcome=ABSENT))
        self.assertEqual(self.found("available", *late, troubles=troubles), [])
        self.assertEqual(len(self.found("majority", *late, troubles=troubles)), 1)
        ops[1].notes["final"] = True
        self.assertEqual(len(self.found("available", *ops, troubles=troubles)), 1)

    def test_an_entry_that_was_said_to_be_pending(self):
        add = op("add", 0, 1, "x", copies=2, listing="pending")
        self.assertEqual(self.found("majority", add, self.listed(2, 3)), [])
        self.assertEqual(len(self.found("majority", add, self.listed(2, 3, final=True))), 1)

    def test_what_was_removed_does_not_come_back(self):
        ops = (op("add", 0, 1, "x", copies=2), op("remove", 2, 3, "x"))
        self.assertEqual(self.found("majority", *ops, self.listed(4, 5)), [])
        self.assertEqual(len(self.found("majority", *ops, self.listed(4, 5, "x"))), 1)
        self.assertEqual(self.found("majority", *ops, self.listed(2.5, 5, "x")), [])

    def test_an_unknown_removal_may_have_happened(self):
        ops = (op("add", 0, 1, "x", copies=2), op("remove", 2, None, "x"))
        self.assertEqual(self.found("majority", *ops, self.listed(4, 5), self.listed(6, 7, "x")), [])

    def test_what_nobody_added(self):
        self.assertEqual(len(self.found("majority", self.listed(4, 5, "x"))), 1)


if __name__ == "__main__":
    unittest.main()
