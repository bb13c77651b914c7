"""`pcs cluster config`: name, transport, nodes and options of the cluster layer, corosync's or hashell's own.

Source: pcs(8), "cluster config"; corosync.conf(5).
"""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote
from typing import TYPE_CHECKING

import msgspec

from hashell.errors import AlreadyExists, BadUsage, NotFound, Refused
from hashell.shell.pcs.call import Call, first, pairs, sections
from hashell.shell.pcs.root import need

if TYPE_CHECKING:
    from pathlib import Path

    from hashell.values.corosync_conf import Section

Options = dict[str, str]
_NO_LAYER = "a CIB file does not say how nodes are connected"
_KNET = ("ip_version", "knet_pmtud_interval", "link_mode")
_UDP = ("ip_version", "netmtu")
_TOTEM = frozenset({
    "block_unlisted_ips", "consensus", "downcheck", "fail_recv_const", "heartbeat_failures_allowed", "hold", "join",
    "max_messages", "max_network_delay", "merge", "miss_count_const", "send_join", "seqno_unchanged_const", "token",
    "token_coefficient", "token_retransmit", "token_retransmits_before_loss_const", "window_size",
})
_QUORUM = ("auto_tie_breaker", "last_man_standing", "last_man_standing_window", "wait_for_all")
#: Keyword of `config update` → what its options begin with in corosync.conf, and which there are.
_PARTS = {
    "transport": ("", frozenset({*_KNET, *_UDP})),
    "compression": ("knet_compression_", frozenset({"level", "model", "threshold"})),
    "crypto": ("crypto_", frozenset({"cipher", "hash", "model"})),
    "totem": ("", _TOTEM),
}
_HEURISTICS = ("interval", "mode", "sync_timeout", "timeout")


class Node(msgspec.Struct, frozen=True):
    """A node and its addresses, by the number of the link."""

    name: str
    id: int
    addresses: tuple[tuple[str, str], ...]


class Layer(msgspec.Struct, frozen=True):
    """What `cluster config` shows; a part that is empty is not shown."""

    name: str
    transport: str
    nodes: tuple[Node, ...]
    uuid: str = ""
    links: dict[str, Options] = {}
    transport_options: Options = {}
    compression: Options = {}
    crypto: Options = {}
    totem: Options = {}
    quorum: Options = {}
    device_model: str = ""
    device: dict[str, Options] = {}

    @property
    def parts(self) -> tuple[tuple[str, Options], ...]:
        return (
            ("Transport", self.transport_options), ("Compression", self.compression), ("Crypto", self.crypto),
            ("Totem", self.totem), ("Quorum", self.quorum),
        )


def show(call: Call, words: list[str]) -> int:
    need(words, 0, 0, "cluster config [show] [--output-format text|cmd|json]")
    from hashell.shell.pcs.show_data import form_of

    form = form_of(call.options)
    layer = _layer(call)
    if form == "text":
        return call.lines(_lines(layer))
    if form == "json":
        import json

        call.out(json.dumps(_data(layer)) + "\n")
        return 0
    if layer.device_model:
        call.session.err("Warning: a quorum device is configured, and the set-up of a cluster cannot name it")
    return call.lines([" \\\n".join(_command(layer))])


def update(call: Call, words: list[str]) -> int:
    """corosync reads most of them again with `cluster reload corosync`."""
    groups = sections(words, _PARTS)
    if not words or first(groups, ""):
        wrong = f"'{first(groups, '')[0]}' does not fit here" if words else "something is missing"
        raise BadUsage(f"pcs cluster config update: {wrong}", "transport|compression|crypto|totem NAME=VALUE …")
    given: Options = {}
    for part, (prefix, known) in _PARTS.items():
        for name, value in pairs(first(groups, part)).items():
            if name not in known:
                allowed = ", ".join(f"'{one}'" for one in sorted(known))
                raise BadUsage(f"invalid {part} option '{name}', allowed options are: {allowed}", "name one of these")
            given[f"totem.{prefix}{name}"] = value
    _change(call, given)
    return 0


def generate_uuid(call: Call, words: list[str]) -> int:
    need(words, 0, 0, "cluster config uuid generate [--force]")
    import uuid

    if _layer(call).uuid and not call.force:
        raise AlreadyExists("the cluster has a UUID already", "--force makes another")
    _change(call, {"totem.cluster_uuid": uuid.uuid4().hex})
    return 0


def _change(call: Call, given: Options) -> None:
    """Set paths of corosync.conf, or take them out. Raises NotFound, Refused, BadCorosyncConf."""
    from hashell.cib.files import write_whole
    from hashell.shell.pcs.quorum import conf_of
    from hashell.values import corosync_edit
    from hashell.values.corosync_conf import parse_sections

    path = conf_of(call)
    if path is None:
        if call.session.client.kind == "file":
            raise Refused(_NO_LAYER, "name a corosync.conf with --corosync_conf FILE")
        raise Refused(
            "the cluster layer is hashell's own, it has no such options",
            "name a corosync.conf with --corosync_conf FILE; `hashelld --help` lists its own settings",
        )
    text = _text(path)
    for place, value in given.items():
        if value:
            text = corosync_edit.set_value(text, place, value)
        elif corosync_edit.values(text, place):
            text = corosync_edit.delete(text, place)
    parse_sections(text, str(path))
    write_whole(path, text.encode())


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise NotFound(f"Unable to read {path}: {error}", "name a corosync.conf") from None


def _layer(call: Call) -> Layer:
    """corosync's file where it counts or is named, else what the daemon knows. Raises NotFound, Refused."""
    from hashell.shell.pcs.quorum import conf_of

    path = conf_of(call)
    if path is not None:
        return _of_corosync(_text(path), str(path))
    if call.session.client.kind == "file":
        raise Refused(_NO_LAYER, "name a corosync.conf with --corosync_conf FILE")
    from hashell.commands import setup

    info = call.session.client.info()
    nodes = tuple(Node(one.name, one.id, (("0", one.address),) if one.address else ()) for one in info.members)
    quorum = {name: value for name, value in setup.quorum_settings(_QUORUM).items() if value}
    return Layer(info.cluster, info.engine, nodes, quorum=quorum)


# --- corosync.conf -------------------------------------------------------------------------------------


def _of_corosync(text: str, where: str) -> Layer:
    from hashell.values.corosync_conf import parse_sections

    root = parse_sections(text, where)
    totem: Options = {}
    links: dict[str, Options] = {}
    for section in root.all("totem"):
        totem |= _values(section)
        for number, one in enumerate(section.all("interface")):
            options = _values(one)
            link = options.pop("linknumber", options.pop("ringnumber", str(number)))
            named = {"linknumber": link, **{name.removeprefix("knet_link_").removeprefix("knet_"): value
                                            for name, value in options.items()}}
            if "priority" in named:
                named["link_priority"] = named.pop("priority")
            links[link] = dict(sorted(named.items()))
    transport = totem.get("transport", "knet")
    own = _KNET if transport == "knet" else _UDP
    quorum: Options = {}
    device: Options = {}
    device_parts: dict[str, Options] = {}
    for section in root.all("quorum"):
        quorum |= {name: value for name, value in _values(section).items() if name in _QUORUM}
        for one in section.all("device"):
            device |= _values(one)
            model = device.get("model", "")
            device_parts = {
                "Options": {name: device[name] for name in ("sync_timeout", "timeout") if name in device},
                "Model Options": _first(one, model),
                "Heuristics": {
                    name: value for name, value in _first(one, "heuristics").items()
                    if name in _HEURISTICS or name.startswith("exec_")
                },
            }
    prefix = "knet_compression_"
    return Layer(
        totem.get("cluster_name", ""), transport, tuple(_nodes(root)), totem.get("cluster_uuid", ""), links,
        {name: totem[name] for name in own if name in totem},
        {name.removeprefix(prefix): value for name, value in totem.items() if name.startswith(prefix)},
        {name.removeprefix("crypto_"): value for name, value in totem.items() if name.startswith("crypto_")},
        {name: value for name, value in totem.items() if name in _TOTEM},
        quorum, device.get("model", ""), device_parts,
    )


def _values(section: Section) -> Options:
    return {name: value.text for name, value in section.values.items()}


def _first(section: Section, name: str) -> Options:
    return next(map(_values, section.all(name)), {})


def _nodes(root: Section) -> Iterator[Node]:
    for holder in root.all("nodelist"):
        for section in holder.all("node"):
            values = _values(section)
            addresses = tuple(
                (str(number), values[f"ring{number}_addr"]) for number in range(8) if f"ring{number}_addr" in values
            )
            number = values.get("nodeid", "0")
            yield Node(values.get("name", ""), int(number) if number.isdigit() else 0, addresses)


# --- in words ------------------------------------------------------------------------------------------


def _lines(layer: Layer) -> Iterator[str]:
    yield f"Cluster Name: {layer.name}"
    if layer.uuid:
        yield f"Cluster UUID: {layer.uuid}"
    yield f"Transport: {layer.transport.lower()}"
    yield "Nodes:"
    for node in sorted(layer.nodes, key=lambda one: one.id):
        yield f"  {node.name}:"
        yield from (f"    Link {link} address: {address}" for link, address in node.addresses)
        yield f"    nodeid: {node.id}"
    if layer.links:
        yield "Links:"
        for link in sorted(layer.links):
            yield from (f"  {line}" for line in _titled(f"Link {link}", layer.links[link]))
    for title, options in layer.parts:
        yield from _titled(f"{title} Options", options)
    if layer.device_model:
        yield f"Quorum Device: {layer.device_model}"
        for title, options in layer.device.items():
            yield from (f"  {line}" for line in _titled(title, options))


def _titled(title: str, options: Options) -> Iterator[str]:
    if options:
        yield f"{title}:"
        yield from (f"  {name}: {value}" for name, value in sorted(options.items()))


def _command(layer: Layer) -> Iterator[str]:
    yield f"pcs cluster setup {quote(layer.name)}"
    for node in sorted(layer.nodes, key=lambda one: one.id):
        yield "  " + " ".join([node.name, *(f"addr={address}" for _, address in node.addresses)])
    yield "  transport"
    yield f"  {layer.transport.lower()}"
    yield from (f"      {name}={value}" for name, value in sorted(layer.transport_options.items()))
    parts = [("link", layer.links[link]) for link in sorted(layer.links)]
    for word, options in [*parts, ("compression", layer.compression), ("crypto", layer.crypto)]:
        if options:
            yield f"    {word}"
            yield from (f"      {name}={value}" for name, value in sorted(options.items()))
    for word, options in (("totem", layer.totem), ("quorum", layer.quorum)):
        if options:
            yield f"  {word}"
            yield from (f"    {name}={value}" for name, value in sorted(options.items()))
    if not layer.uuid:
        yield "  --no-cluster-uuid"


def _data(layer: Layer) -> dict[str, object]:
    return {
        "cluster_name": layer.name,
        "cluster_uuid": layer.uuid or None,
        "transport": layer.transport.upper(),
        "totem_options": layer.totem,
        "transport_options": layer.transport_options,
        "compression_options": layer.compression,
        "crypto_options": layer.crypto,
        "nodes": [
            {
                "name": node.name, "nodeid": str(node.id),
                "addrs": [
                    {"addr": address, "link": link, "type": _kind(address)} for link, address in node.addresses
                ],
            }
            for node in layer.nodes
        ],
        "links_options": layer.links,
        "quorum_options": layer.quorum,
        "quorum_device": {
            "model": layer.device_model, "model_options": layer.device["Model Options"],
            "generic_options": layer.device["Options"], "heuristics_options": layer.device["Heuristics"],
        } if layer.device_model else None,
    }


def _kind(address: str) -> str:
    import ipaddress

    try:
        return f"IPv{ipaddress.ip_address(address).version}"
    except ValueError:
        return "FQDN"
