"""What resources are to do: `pcs resource enable|disable|restart|manage|unmanage`."""

from __future__ import annotations

from hashell.commands.binding import Element, put_attributes
from hashell.errors import BadUsage, NotFound, Refused
from hashell.shell.pcs.call import Call
from hashell.shell.pcs.root import need


def targets(call: Call, words: list[str], verb: str) -> list[Element]:
    """Resources by id or tag. All that are missing are told."""
    if not words:
        raise BadUsage(f"You must specify resource(s) to {verb}", "name resources")
    from hashell.commands import resources

    missing = []
    found = []
    env = call.env
    for name in words:
        try:
            found += resources.resources_named(env, name)
        except NotFound:
            missing.append(name)
    if missing:
        raise NotFound(
            "\n".join(f"bundle/clone/group/resource/tag '{name}' does not exist" for name in missing),
            "see resource status",
        )
    return found


def enable(call: Call, words: list[str]) -> int:
    """Takes target-role away, also where a clone or what it holds says it."""
    from hashell.commands import parameters
    from hashell.commands.binding import RESOURCES

    found = targets(call, words, "enable")
    env = call.env
    for element in found:
        for one in [
            element,
            *(child for child in element if child.tag in RESOURCES and element.tag in ("clone", "master", "bundle")),
        ]:
            parameters.update_set(env, one, "meta_attributes", {"target-role": ""})
        parent = element.getparent()
        if parent is not None and parent.tag in ("clone", "master", "bundle"):
            parameters.update_set(env, parent, "meta_attributes", {"target-role": ""})
    return call.finish(env)


def disable(call: Call, words: list[str]) -> int:
    from hashell.commands import parameters

    found = targets(call, words, "disable")
    env = call.env
    for element in found:
        parameters.update_set(env, element, "meta_attributes", {"target-role": "Stopped"})
    if call.has("--simulate"):
        return _simulate(call)
    if call.has("--safe"):
        _refuse_others(call, found)
    return call.finish(env)


def safe_disable(call: Call, words: list[str]) -> int:
    call.options["--safe"] = ""
    return disable(call, words)


def _simulate(call: Call) -> int:
    from hashell.commands.preview import preview

    call.lines(preview(call.env).summary)
    call.env.refresh()
    return 0


def _refuse_others(call: Call, found: list[Element]) -> None:
    """Stop nothing that was not named. Raises Refused."""
    from hashell.commands.preview import affected, preview

    named = {one.get("id", "") for element in found for one in element.iter("primitive")}
    hit = affected(preview(call.env), named, strict=not call.has("--no-strict"))
    if hit:
        raise Refused(f"Disabling would have an effect on other resources: {', '.join(hit)}", "leave out --safe")


def restart(call: Call, words: list[str]) -> int:
    need(words, 1, 2, "resource restart RESOURCE [NODE]")
    from hashell.shell.crm import resource

    return resource.restart(call.session, words[:1])


def manage(call: Call, words: list[str]) -> int:
    return _managed(call, words, on=True)


def unmanage(call: Call, words: list[str]) -> int:
    return _managed(call, words, on=False)


def _managed(call: Call, words: list[str], *, on: bool) -> int:
    """is-managed on each primitive; with --monitor its monitors too."""
    from hashell.commands import parameters

    found = targets(call, words, "manage" if on else "unmanage")
    env = call.env
    for element in found:
        chosen = [element] if element.tag in ("primitive",) else list(element.iter("primitive"))
        touched = [element, *chosen, *element.iterancestors("group", "clone", "master", "bundle")] if on else chosen
        for one in touched:
            parameters.update_set(env, one, "meta_attributes", {"is-managed": "" if on else "false"})
        if call.has("--monitor"):
            for primitive in chosen:
                for operation in primitive.iterfind("operations/op[@name='monitor']"):
                    put_attributes(operation, {"enabled": "" if on else "false"})
    return call.finish(env)
