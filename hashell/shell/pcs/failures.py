"""What failed, and forgetting it: `pcs resource cleanup|refresh|failcount`."""

from __future__ import annotations

from hashell.shell.pcs.call import Call, pairs


def cleanup(call: Call, words: list[str]) -> int:
    return _forget(call, words, refresh=False)


def refresh(call: Call, words: list[str]) -> int:
    return _forget(call, words, refresh=True)


def _forget(call: Call, words: list[str], *, refresh: bool) -> int:
    from hashell.commands import members
    from hashell.values.intervals import interval_ms

    names = [word for word in words if "=" not in word]
    given = pairs(word for word in words if "=" in word)
    if names:
        members.need(call.env, names[0])
    text = call.session.client.clean_up(
        names[0] if names else "",
        given.get("node", call.options.get("--node", "")),
        task=given.get("operation", ""),
        interval_ms=interval_ms(given["interval"]) if "interval" in given else -1,
        refresh=refresh,
    )
    call.session.err(text)
    return 0


def failcount(call: Call, words: list[str]) -> int:
    import re

    names = [word for word in words if "=" not in word]
    given = pairs(word for word in words if "=" in word)
    found: dict[str, dict[str, str]] = {}
    for state in call.env.root.iterfind("status/node_state"):
        for pair in state.iterfind("transient_attributes/instance_attributes/nvpair"):
            match = re.fullmatch(r"fail-count-(.+)#(.+)_(\d+)", pair.get("name") or "")
            if (
                match
                and (not names or match[1] == names[0])
                and given.get("node", state.get("uname")) == state.get("uname")
            ):
                found.setdefault(match[1], {})[state.get("uname") or ""] = pair.get("value") or "0"
    if not found:
        return call.lines(["No failcounts" + (f" for resource '{names[0]}'" if names else "")])
    lines = []
    for name, counts in sorted(found.items()):
        lines.append(f"Failcounts for resource '{name}'")
        lines += [f"  {node}: {count}" for node, count in sorted(counts.items())]
    return call.lines(lines)
