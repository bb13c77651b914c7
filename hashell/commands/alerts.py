"""Alerts and their recipients. Source: Pacemaker Explained, "Alerts"; pcs(8), "alert"."""

from __future__ import annotations

from collections.abc import Mapping

from lxml import etree

from hashell.commands import creation, parameters
from hashell.commands.binding import Element, owner, put_attributes
from hashell.commands.env import Env
from hashell.commands.problems import error
from hashell.errors import BadUsage, NotFound


def need(env: Env, name: str) -> Element:
    for one in env.root.iterfind("configuration/alerts/alert"):
        if one.get("id") == name:
            return one
    raise NotFound(f"alert '{name}' does not exist", "see alert config")


def need_recipient(env: Env, name: str) -> Element:
    for one in env.root.iterfind("configuration/alerts/alert/recipient"):
        if one.get("id") == name:
            return one
    raise NotFound(f"recipient '{name}' does not exist", "see alert config")


def _identity(env: Env, given: str, wanted: str, what: str) -> str:
    if given:
        creation.check_free(env, given, what)
        env.ids.take(given)
        return given
    return env.ids.numbered(wanted)


def create(env: Env, given: Mapping[str, str], options: Mapping[str, str], meta: Mapping[str, str]) -> None:
    _only(given, ("id", "path", "description"))
    if not given.get("path"):
        raise BadUsage("alert: required option 'path' is missing", "give path=…")
    attributes = {"id": _identity(env, given.get("id", ""), "alert", "alert-id"), "path": given["path"]}
    if given.get("description"):
        attributes["description"] = given["description"]
    alert = etree.SubElement(env.section("alerts"), "alert", attributes)
    creation.add_set(env, alert, "meta_attributes", meta)
    creation.add_set(env, alert, "instance_attributes", options)


def update(env: Env, name: str, given: Mapping[str, str], options: Mapping[str, str], meta: Mapping[str, str]) -> None:
    alert = need(env, name)
    _only(given, ("path", "description"))
    if given.get("path") == "":
        raise BadUsage("'path' may not be empty", "give a path")
    _attributes(alert, given)
    _sets(env, alert, options, meta)


def delete(env: Env, names: list[str]) -> None:
    for element in [need(env, name) for name in names]:
        owner(element).remove(element)
    env.forget_ids()


def add_recipient(
    env: Env, name: str, given: Mapping[str, str], options: Mapping[str, str], meta: Mapping[str, str]
) -> None:
    alert = need(env, name)
    _only(given, ("id", "value", "description"))
    if not given.get("value"):
        raise BadUsage("required option 'value' is missing", "give value=…")
    _refuse_twin(env, alert, given["value"], None)
    identity = _identity(env, given.get("id", ""), f"{name}-recipient", "recipient-id")
    attributes = {"id": identity, "value": given["value"]}
    if given.get("description"):
        attributes["description"] = given["description"]
    recipient = etree.SubElement(alert, "recipient", attributes)
    creation.add_set(env, recipient, "meta_attributes", meta)
    creation.add_set(env, recipient, "instance_attributes", options)


def update_recipient(
    env: Env, name: str, given: Mapping[str, str], options: Mapping[str, str], meta: Mapping[str, str]
) -> None:
    recipient = need_recipient(env, name)
    _only(given, ("value", "description"))
    if given.get("value") == "":
        raise BadUsage("Recipient value '' is not valid", "give a value")
    if "value" in given:
        parent = recipient.getparent()
        assert parent is not None
        _refuse_twin(env, parent, given["value"], recipient)
    _attributes(recipient, given)
    _sets(env, recipient, options, meta)


def delete_recipients(env: Env, names: list[str]) -> None:
    for element in [need_recipient(env, name) for name in names]:
        owner(element).remove(element)
    env.forget_ids()


def _refuse_twin(env: Env, alert: Element, value: str, but: Element | None) -> None:
    for one in alert.findall("recipient"):
        if one is not but and one.get("value") == value:
            env.report(
                error(
                    "recipient-twice", f"Recipient '{value}' in alert '{alert.get('id')}' already exists", forcible=True
                )
            )


def _only(given: Mapping[str, str], known: tuple[str, ...]) -> None:
    for name in given:
        if name not in known:
            allowed = ", ".join(f"'{one}'" for one in sorted(known))
            raise BadUsage(f"invalid option '{name}', allowed options are: {allowed}", "leave it out")


def _attributes(element: Element, given: Mapping[str, str]) -> None:
    put_attributes(element, given)


def _sets(env: Env, element: Element, options: Mapping[str, str], meta: Mapping[str, str]) -> None:
    for tag, pairs in (("meta_attributes", meta), ("instance_attributes", options)):
        parameters.update_set(env, element, tag, pairs)
        for holder in element.findall(tag):
            if not len(holder):
                element.remove(holder)
