"""Operations: the meta-attributes of an action, from its `op`, other operations and op_defaults."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from hashell.cib.document import Cib
from hashell.model.configuration import read_configuration
from hashell.model.operations import find_operation, whole_seconds

NOW_S = 1_704_067_200.0


def meta_of(
    task: str, interval_ms: int, operations: str, *, defaults: str = "",
    agent: str = 'class="ocf" provider="p" type="D"', parameters: str = "",
) -> Mapping[str, str]:
    text = (
        f'<cib><configuration><resources><primitive id="a" {agent}>{parameters}<operations>{operations}</operations>'
        f"</primitive></resources><op_defaults>{defaults}</op_defaults></configuration><status/></cib>"
    )
    configuration = read_configuration(Cib.parse(text.encode()), NOW_S)
    (config,) = configuration.resources
    operation = find_operation(config.operations, task, interval_ms)
    return configuration.operations.meta(config, task, interval_ms, operation, {})


def op(name: str, interval: str = "0", **attributes: str) -> str:
    more = " ".join(f'{key.replace("_", "-")}="{value}"' for key, value in attributes.items())
    return f'<op id="{name}-{interval}" name="{name}" interval="{interval}" {more}/>'


def test_times_are_milliseconds():
    meta = meta_of("monitor", 10_000, op("monitor", "10s", timeout="5s", start_delay="2"))

    assert meta == {"name": "monitor", "interval": "10000", "timeout": "5000", "start-delay": "2000"}


def test_a_single_action_has_no_interval_and_twenty_seconds():
    assert meta_of("start", 0, "") == {"timeout": "20000"}
    assert meta_of("start", 0, op("start", timeout="P1D"))["timeout"] == "20000"
    assert meta_of("start", 0, op("start", timeout="-5"))["timeout"] == "20000"


def test_defaults_fill_in_what_the_operation_leaves_open():
    defaults = (
        '<meta_attributes id="d"><rule id="r"><op_expression id="e" name="start"/></rule>'
        '<nvpair id="d1" name="timeout" value="99s"/></meta_attributes>'
    )

    assert meta_of("start", 0, "", defaults=defaults)["timeout"] == "99000"
    assert meta_of("stop", 0, "", defaults=defaults)["timeout"] == "20000"
    assert meta_of("start", 0, op("start", timeout="5s"), defaults=defaults)["timeout"] == "5000"


def test_a_probe_has_the_timeout_of_the_most_frequent_monitor():
    operations = op("monitor", "60s", timeout="60s") + op("monitor", "10s", timeout="7s") + op(
        "monitor", "1s", timeout="1s", enabled="false")

    assert meta_of("monitor", 0, operations)["timeout"] == "7000"


def test_a_fence_device_is_started_within_its_own_monitor_timeout():
    parameters = (
        '<instance_attributes id="i"><nvpair id="p" name="pcmk_monitor_timeout" value="9s"/></instance_attributes>'
    )
    agent = 'class="stonith" type="x"'

    assert meta_of("start", 0, op("start", timeout="5s"), agent=agent, parameters=parameters)["timeout"] == "9000"
    assert meta_of("stop", 0, op("stop", timeout="5s"), agent=agent, parameters=parameters)["timeout"] == "5000"


@pytest.mark.parametrize(
    ("task", "interval_ms", "operations", "expected"),
    [
        ("stop", 0, op("stop", on_fail="standby"), None),
        ("stop", 0, op("stop", on_fail="block"), "block"),
        ("demote", 0, op("monitor", "10s", role="Promoted", on_fail="fence"), "fence"),
        ("demote", 0, op("monitor", "10s", role="Master", on_fail="demote"), None),
        ("promote", 0, op("promote", on_fail="demote"), "demote"),
        ("start", 0, op("start", on_fail="demote"), None),
        ("monitor", 10_000, op("monitor", "10s", role="Promoted", on_fail="demote"), "demote"),
        ("monitor", 10_000, op("monitor", "10s", on_fail="demote"), None),
        ("lrm_delete", 0, "", "ignore"),
    ],
)
def test_on_fail_is_only_what_the_action_allows(task, interval_ms, operations, expected):
    assert meta_of(task, interval_ms, operations).get("on-fail") == expected


def test_an_interval_origin_becomes_a_start_delay():
    origin = "2024-01-01 00:00:10"  # ten seconds after now
    meta = meta_of("monitor", 60_000, op("monitor", "60s", interval_origin=origin))
    assert meta["start-delay"] == "10000"

    meta = meta_of("monitor", 60_000, op("monitor", "60s", interval_origin="2023-12-31 23:59:50"))
    assert meta["start-delay"] == "50000"

    meta = meta_of("monitor", 60_000, op("monitor", "60s", interval_origin="whenever"))
    assert "start-delay" not in meta


def test_both_halves_of_a_migration_can_be_configured_as_one():
    assert meta_of("migrate_to", 0, op("migrate", timeout="5s"))["timeout"] == "5000"
    assert meta_of("start", 0, op("migrate", timeout="5s"))["timeout"] == "20000"


@pytest.mark.parametrize(("milliseconds", "seconds"), [(1, 1), (499, 1), (1499, 1), (1500, 2), (60_000, 60)])
def test_seconds_are_rounded_but_never_to_nothing(milliseconds, seconds):
    assert whole_seconds(milliseconds) == seconds
