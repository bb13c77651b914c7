"""`hashell explain --conflicts`: the fewest constraints that contradict one another."""

from __future__ import annotations

import json
import random

import pytest

from hashell.cib.files import load_cib
from hashell.errors import NotFound
from hashell.simulate.contradictions import find
from hashell.simulate.explain import main
from hashell.simulate.run import with_status
from hashell.testing.cibs import SHARED
from hashell.testing.clusters import NOW_S, Cluster, clone, group, primitive

CASES = SHARED / "scheduler-corpus" / "xml"
#: Every so many-th recorded case is looked at, and none that takes long.
STEP, BYTES_MAX = 25, 40_000


def location(resource, node, score="-INFINITY"):
    return f'<rsc_location id="{resource}-{node}" rsc="{resource}" node="{node}" score="{score}"/>'


def colocation(ident, dependent, primary, score="INFINITY"):
    return f'<rsc_colocation id="{ident}" rsc="{dependent}" with-rsc="{primary}" score="{score}"/>'


def order(ident, first, then, more=""):
    return f'<rsc_order id="{ident}" first="{first}" then="{then}" {more}/>'


NODES = ("node1", "node2", "node3")
BANNED = "".join(location("web", node) for node in NODES)
CLASH = Cluster(
    primitive("web") + primitive("db") + primitive("other"),
    location("other", "node1", "3") + location("web", "node1") + location("web", "node2") + location("db", "node3")
    + colocation("with", "web", "db") + order("after", "db", "web"),
)
#: What is planted → the cluster, and the constraints that have to be found.
PLANTED = {
    "a ban from every node": (Cluster(primitive("web"), BANNED), {f"web-{node}" for node in NODES}),
    "one rule that bans from everywhere": (
        Cluster(
            primitive("web"), '<rsc_location id="all" rsc="web"><rule id="r" score="-INFINITY"><expression id="e" '
            'attribute="#uname" operation="defined"/></rule></rsc_location>',
        ),
        {"all"},
    ),
    "a place that the other cannot have": (CLASH, {"web-node1", "web-node2", "db-node3", "with"}),
    "together and apart": (
        Cluster(
            primitive("a") + primitive("b") + primitive("c"),
            colocation("ab", "a", "b") + colocation("bc", "b", "c") + colocation("ac", "a", "c", "-INFINITY"),
        ),
        {"ab", "bc", "ac"},
    ),
    "members of a group kept apart": (
        Cluster(group("g", primitive("a"), primitive("b")), colocation("ab", "b", "a", "-INFINITY")), {"ab"},
    ),
    "orders in a circle": (
        Cluster(
            "".join(map(primitive, "abcd")),
            order("ab", "a", "b") + order("bc", "b", "c") + order("cd", "c", "d") + order("ca", "c", "a")
            + order("da", "d", "a"),
        ),
        {"ab", "bc", "ca"},
    ),
    "an order against a group's own": (
        Cluster(group("g", primitive("a"), primitive("b"), primitive("c")), order("ca", "c", "a")), {"ca"},
    ),
    "an order of sets against an order": (
        Cluster(
            "".join(map(primitive, "abc")),
            '<rsc_order id="abc"><resource_set id="s"><resource_ref id="a"/><resource_ref id="b"/>'
            '<resource_ref id="c"/></resource_set></rsc_order>' + order("ca", "c", "a"),
        ),
        {"abc", "ca"},
    ),
    "what has to be promoted before it is started": (
        Cluster(
            clone("k", primitive("a", agent="Stateful"), promotable="true") + primitive("b"),
            order("kb", "k", "b", 'first-action="promote" then-action="start"') + order("bk", "b", "k")
            + '<rsc_location id="best" rsc="k"><rule id="r" role="Promoted" score="10"><expression id="e" '
            'attribute="#uname" operation="eq" value="node1"/></rule></rsc_location>',
        ),
        {"kb", "bk"},
    ),
}
INNOCENT = {
    "nothing": Cluster(primitive("web")),
    "a free node": Cluster(primitive("web"), location("web", "node1") + location("web", "node2")),
    "orders that are only wished": Cluster(
        primitive("a") + primitive("b"), order("ab", "a", "b") + order("ba", "b", "a", 'kind="Optional"')
    ),
    "apart by a wish": Cluster(
        primitive("a") + primitive("b"), colocation("ab", "a", "b") + colocation("ba", "b", "a", "-1000")
    ),
    "both with a clone, and apart": Cluster(
        clone("k", primitive("i")) + primitive("a") + primitive("b"),
        colocation("ak", "a", "k") + colocation("bk", "b", "k") + colocation("ab", "a", "b", "-INFINITY"),
    ),
    "somebody stopped it": Cluster(primitive("web", target_role="Stopped"), BANNED),
    "something else stopped it": Cluster(primitive("web"), options={"stop_all_resources": "true"}),
}


def ids(contradiction):
    return {ident for ident, _ in contradiction.constraints}


@pytest.fixture
def command(tmp_path, capsys):
    def run(cluster, *argv):
        path = tmp_path / "cib.xml"
        path.write_bytes(cluster.cib().to_bytes())
        code = main([*argv, "--conflicts", "--cib", str(path)])
        found = capsys.readouterr()
        return code, found.out, found.err

    return run


def crowded(cluster, seed):
    """The same among many resources and constraints that harm nobody."""
    rng = random.Random(seed)
    names = [f"calm{n}" for n in range(12)]
    more = [location(name, rng.choice(NODES), str(rng.randrange(-50, 50))) for name in names]
    more += [order(f"o{n}", names[n], names[n + 1]) for n in range(11)]
    more += [colocation(f"c{n}", names[n], names[n - 1], rng.choice(("20", "-20"))) for n in range(1, 12)]
    wide = cluster.constraints.replace("/><rsc_", "/>\0<rsc_").replace("</rsc_order><", "</rsc_order>\0<").split("\0")
    every = [one for one in wide if one] + more
    rng.shuffle(every)
    return cluster.but(resources=cluster.resources + "".join(map(primitive, names)), constraints="".join(every))


@pytest.mark.parametrize("name", PLANTED)
@pytest.mark.parametrize("seed", [None, 1, 2])
def test_exactly_what_was_planted_is_found(name, seed):
    cluster, planted = PLANTED[name]
    found = find((cluster if seed is None else crowded(cluster, seed)).cib(), "", NOW_S)
    assert [ids(one) for one in found.contradictions] == [planted], found
    assert all(one.minimal and one.smallest and one.lasting and one.why for one in found.contradictions)


@pytest.mark.parametrize("name", INNOCENT)
@pytest.mark.parametrize("seed", [None, 1])
def test_what_contradicts_nothing_is_not_accused(name, seed):
    cluster = INNOCENT[name]
    assert find((cluster if seed is None else crowded(cluster, seed)).cib(), "", NOW_S).contradictions == ()


@pytest.mark.skipif(not CASES.is_dir(), reason="recorded cases are not beside the checkout")
def test_few_recorded_cases_contradict_themselves():
    looked = accused = 0
    for path in sorted(CASES.glob("*.xml"))[::STEP]:
        if path.stat().st_size < BYTES_MAX:
            cib = with_status(load_cib(path))
            now_s = float(cib.root.get("execution-date") or 1_704_067_200)
            accused += bool(find(cib, "", now_s).lasting)
            looked += 1
    assert looked > 10
    assert accused <= looked / 10


def test_the_smaller_of_two_contradictions_is_told():
    """Where `db` alone forbids all that `web` needs, the longer way over the bans of `web` is not told."""
    cluster = Cluster(
        primitive("web") + primitive("db"), BANNED + '<rsc_location id="all" rsc="db"><rule id="r" score="-INFINITY">'
        '<expression id="e" attribute="#uname" operation="defined"/></rule></rsc_location>'
        + colocation("w", "web", "db"),
    )
    (found,) = find(cluster.cib(), "web", NOW_S).contradictions
    assert ids(found) == {"all", "w"}
    assert found.drop == ()


def test_what_holds_only_as_things_stand_is_said_to():
    cluster = Cluster(primitive("web"), location("web", "node1"), down=("node2", "node3"))
    (found,) = find(cluster.cib(), "web", NOW_S).contradictions
    assert (ids(found), found.lasting) == ({"web-node1"}, False)
    disabled = Cluster(primitive("a", target_role="Stopped") + primitive("b"), order("ab", "a", "b"))
    (found,) = find(disabled.cib(), "", NOW_S).contradictions
    assert (ids(found), found.lasting) == ({"ab"}, False)


def test_members_that_are_stuck_together_are_told_once():
    cluster = Cluster(group("g", primitive("a"), primitive("b")), "".join(location("g", node) for node in NODES))
    (found,) = find(cluster.cib(), "", NOW_S).contradictions
    assert found.resources == ("a", "b")


def test_the_command_says_why_and_what_to_drop(command):
    code, out, _err = command(CLASH)
    assert code == 1
    assert "web cannot run because these constraints contradict one another" in out
    assert "To drop web-node1, web-node2, db-node3 or with is enough (tried)." in " ".join(out.split())
    assert "these 4 are the fewest" in out
    assert max(map(len, out.splitlines())) <= 80


def test_where_all_can_run_there_is_no_contradiction(command):
    assert command(INNOCENT["a free node"]) == (0, "No constraints contradict one another.\n", "")


def test_what_is_stopped_for_another_reason_is_said_to_be(command):
    code, out, _err = command(Cluster(primitive("a", target_role="Stopped")), "a")
    assert code == 0
    assert "a cannot run, and not because of constraints" in out
    assert "target-role" in out
    with pytest.raises(NotFound):
        find(CLASH.cib(), "ghost", NOW_S)


def test_contradictions_are_data_too(command):
    _code, out, _err = command(CLASH, "--json")
    assert [one["resources"] for one in json.loads(out)["contradictions"]] == [["web"]]
