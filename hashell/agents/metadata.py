"""Agent meta-data: the XML that an agent prints about itself → typed parameters and actions.

Source: OCF Resource Agent API 1.1, "Resource agent meta-data"; FenceAgentAPI.md, "metadata".
"""

from __future__ import annotations

from dataclasses import dataclass

from lxml import etree

from hashell.cib.document import parse_xml
from hashell.errors import BadInput
from hashell.values.booleans import is_true
from hashell.values.intervals import interval_ms


class BadMetadata(BadInput):
    id = "agent-metadata-bad"


@dataclass(frozen=True, slots=True)
class AgentParameter:
    """`type` is string, integer, boolean, select, second, time, percentage … as the agent says; `values` those of a
    select.

    `default` None means that the agent names none. `reloadable` may change without a restart (agents of OCF 1.1, or of
    OCF 1.0 with unique="0" and a reload action).
    """

    name: str
    required: bool = False
    type: str = "string"
    default: str | None = None
    shortdesc: str = ""
    longdesc: str = ""
    advanced: bool = False
    reloadable: bool = False
    unique: bool = False
    unique_group: str = ""
    deprecated: bool = False
    replaced_by: str = ""
    private: bool = False
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AgentAction:
    """An action with the times that the agent advises, in milliseconds."""

    name: str
    timeout_ms: int = 0
    interval_ms: int = 0
    start_delay_ms: int = 0
    role: str = ""
    depth: int = 0
    automatic: bool = False
    on_target: bool = False
    #: The times as the agent spells them: shells write them into a configuration unchanged.
    timeout: str = ""
    interval: str = ""
    start_delay: str = ""
    depth_text: str = ""


@dataclass(frozen=True, slots=True)
class AgentMetadata:
    """All that an agent says about itself, in its order."""

    name: str
    version: str = ""
    shortdesc: str = ""
    longdesc: str = ""
    parameters: tuple[AgentParameter, ...] = ()
    actions: tuple[AgentAction, ...] = ()

    def parameter(self, name: str) -> AgentParameter | None:
        return next((one for one in self.parameters if one.name == name), None)

    def supports(self, action: str) -> bool:
        return any(one.name == action for one in self.actions)

    @property
    def reloads(self) -> bool:
        """Whether parameters can change while it runs; `reload-agent` is OCF 1.1, `reload` the older way."""
        return self.supports("reload-agent") or self.supports("reload")


def parse_metadata(text: bytes | str, what: str = "agent meta-data") -> AgentMetadata:
    """Read what an agent printed. Raises BadMetadata.

    Agents print a document type and sometimes words before the XML; both are dropped here, since neither says anything.
    """
    data = text.encode() if isinstance(text, str) else text
    start = data.find(b"<resource-agent")
    end = data.rfind(b"</resource-agent>")
    if start < 0 or end < start:
        raise BadMetadata(
            f"{what} holds no <resource-agent>", "run the agent with meta-data and read what it says"
        )
    try:
        root = parse_xml(data[start : end + len(b"</resource-agent>")], what)
    except BadInput as error:
        raise BadMetadata(error.message, error.hint) from None
    actions = tuple(_action(one) for one in root.iterfind("actions/action"))
    modern = any(one.name == "reload-agent" for one in actions)
    legacy = not modern and any(one.name == "reload" for one in actions)
    return AgentMetadata(
        name=root.get("name", ""),
        version=root.get("version", "") or root.findtext("version", "").strip(),
        shortdesc=_text(root, "shortdesc") or root.get("shortdesc", ""),
        longdesc=_text(root, "longdesc"),
        parameters=tuple(
            _parameter(one, legacy) for one in root.iterfind("parameters/parameter") if one.get("name")
        ),
        actions=actions,
    )


def _parameter(element: etree._Element, legacy: bool) -> AgentParameter:
    content = element.find("content")
    unique = is_true(element.get("unique"))
    group = element.get("unique-group", "")
    replaced = element.find("deprecated/replaced-with")
    return AgentParameter(
        name=element.get("name", ""),
        required=is_true(element.get("required")),
        type="string" if content is None else content.get("type", "string"),
        default=None if content is None else content.get("default"),
        shortdesc=_text(element, "shortdesc"),
        longdesc=_text(element, "longdesc"),
        advanced=is_true(element.get("advanced")),
        # Before OCF 1.1 "unique" was made to say which parameters need a restart.
        reloadable=not unique if legacy else is_true(element.get("reloadable")),
        unique=unique or bool(group),
        unique_group=group,
        deprecated=is_true(element.get("deprecated")) or element.find("deprecated") is not None,
        replaced_by="" if replaced is None else replaced.get("name", ""),
        private=is_true(element.get("private")),
        values=() if content is None else tuple(
            option.get("value", "") for option in content.iterfind("option")
        ),
    )


def _action(element: etree._Element) -> AgentAction:
    depth = element.get("depth", "")
    return AgentAction(
        name=element.get("name", ""),
        timeout_ms=interval_ms(element.get("timeout")),
        interval_ms=interval_ms(element.get("interval")),
        start_delay_ms=interval_ms(element.get("start-delay")),
        role=element.get("role", ""),
        depth=int(depth) if depth.isdigit() else 0,
        automatic=is_true(element.get("automatic")),
        on_target=is_true(element.get("on_target")),
        timeout=element.get("timeout", ""),
        interval=element.get("interval", ""),
        start_delay=element.get("start-delay", ""),
        depth_text=depth,
    )


def _text(parent: etree._Element, tag: str) -> str:
    """A description: English or without a language before others; its lines as the agent broke them."""
    found = parent.findall(tag)
    if not found:
        return ""
    best = next((one for one in found if one.get("lang", "en").startswith("en")), found[0])
    return "".join(str(text) for text in best.itertext()).strip()
