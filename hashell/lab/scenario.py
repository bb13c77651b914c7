"""Scenarios: a story is data. Steps that do something or say what must hold, read from TOML, told against a stage.

    title = "The node dies"
    about = "…"
    [[step]]
    say = "power cut on {owner}"        # {owner}, {home}, {node} are names of nodes
    do = "kill-node"                    # a verb of VERBS
    node = "owner"                      # owner: who serves as the story begins; home: who does when all is well;
                                        # serving: who does now
    [[step]]
    must = "answers"                    # a claim of CLAIMS, waited for `within_s` seconds, then to hold for `for_s`
    not_on = "owner"                    # or: on = "home"
    within_s = 20

Parsing is pure; `tell` is given the clock, and so runs against a stage in memory just as against real processes.
"""

from __future__ import annotations

import time
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Protocol

from hashell.errors import BadInput, HashellError, NotFound

#: What a step may do. Each is done by the stage.
VERBS = (
    "kill-service", "stop-service", "kill-node", "kill-daemon", "freeze-node", "thaw-node",
    "start-node", "stop-node", "standby", "online", "cut-cable", "plug-cable",
)
#: What a step may demand.
CLAIMS = ("answers", "member", "gone", "idle", "one-owner", "address", "agree", "off")
#: Seconds that a claim is waited for unless the step says otherwise, and at most.
WITHIN_S = 30.0
WITHIN_MAX_S = 600.0
#: Steps of one story: more is no story that anybody would watch.
STEPS_MAX = 100
#: Seconds between two looks at a claim.
LOOK_S = 0.05


class BadStory(BadInput):
    id = "story-bad"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing done or demanded, or both: first `do`, then `must`."""

    say: str = ""
    do: str = ""
    node: str = ""
    must: str = ""
    on: str = ""
    not_on: str = ""
    within_s: float = WITHIN_S
    for_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Plan:
    """A stage of a story's own: machines with addresses, an LSB service, and the pcs lines that configure it.

    `addresses` are with prefix length, one a node; `client` is where the one who asks stands; `service` is the
    address and port that it asks; `script` is the name of the service's init script.
    """

    cluster: str
    nodes: tuple[str, ...]
    addresses: tuple[str, ...]
    client: str
    service: str
    port: int
    script: str
    pcs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Story:
    """`name` is its file's name without ending; `about` is for people who choose one; `plan` None plays on any
    stage."""

    name: str
    title: str
    about: str
    steps: tuple[Step, ...]
    plan: Plan | None = None


class Stage(Protocol):
    """What a story plays on."""

    @property
    def home(self) -> str:
        """The node that serves when all is well."""
        ...

    def owner(self) -> str:
        """Who serves now; empty when nobody does."""
        ...

    def perform(self, verb: str, node: str) -> None:
        """Do it now. Raises HashellError."""
        ...

    def complaint(self, claim: str, node: str, on: str, not_on: str) -> str:
        """Why a claim does not hold now; empty when it holds."""
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a story ended: `problem` is empty when everything held. Seconds by the monotonic clock."""

    story: str
    began_s: float
    ended_s: float
    problem: str = ""
    owner: str = ""

    @property
    def good(self) -> bool:
        return not self.problem


# --- reading


def parse_story(text: str, name: str, where: str = "") -> Story:
    """Raises BadStory, which names the place and lists what would be right."""
    where = where or name
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadStory(f"{where}: {error}", "mend the TOML") from None
    unknown = set(raw) - {"title", "about", "step", "plan"}
    if unknown:
        raise BadStory(f"{where}: nobody knows {sorted(unknown)}", "use title, about, plan, step")
    for key in ("title", "about"):
        if not isinstance(raw.get(key, ""), str):
            raise BadStory(f"{where}: {key} is no text")
    steps = raw.get("step", [])
    if not isinstance(steps, list) or not 1 <= len(steps) <= STEPS_MAX:
        raise BadStory(f"{where}: a story has 1 to {STEPS_MAX} steps", "begin each with [[step]]")
    made = tuple(_step(raw_step, f"{where}, step {n}") for n, raw_step in enumerate(steps, 1))
    plan = _plan(raw["plan"], f"{where}, plan") if "plan" in raw else None
    return Story(name, raw.get("title", name), " ".join(raw.get("about", "").split()), made, plan)


def _plan(raw: Any, where: str) -> Plan:
    known = {field.name: field.type for field in fields(Plan)}
    if not isinstance(raw, dict) or set(raw) != set(known):
        raise BadStory(f"{where}: it needs exactly {', '.join(known)}")
    values: dict[str, Any] = {}
    for key, kind in known.items():
        value = raw[key]
        good = (
            isinstance(value, list) and all(isinstance(one, str) for one in value) if "tuple" in str(kind)
            else isinstance(value, int if kind == "int" else str)
        )
        if not good:
            raise BadStory(f"{where}: {key} is {value!r}")
        values[key] = tuple(value) if isinstance(value, list) else value
    plan = Plan(**values)
    if not plan.nodes or len(plan.nodes) != len(plan.addresses):
        raise BadStory(f"{where}: each node needs one address")
    return plan


def _step(raw: Any, where: str) -> Step:
    known = {field.name: field for field in fields(Step)}
    if not isinstance(raw, dict) or set(raw) - set(known):
        raise BadStory(f"{where}: a step has only {', '.join(known)}")
    for key, value in raw.items():
        wanted: tuple[type, ...] = (int, float) if key.endswith("_s") else (str,)
        if not isinstance(value, wanted) or isinstance(value, bool):
            raise BadStory(f"{where}: {key} is {value!r}")
    step = Step(**raw)
    for word, what, right in ((step.do, "do", VERBS), (step.must, "must", CLAIMS)):
        if word and word not in right:
            raise BadStory(f"{where}: {what} = {word!r}", "use " + ", ".join(right))
    if not step.do and not step.must and not step.say:
        raise BadStory(f"{where}: it does nothing", "give do, must or say")
    if not 0 < step.within_s <= WITHIN_MAX_S or not 0 <= step.for_s <= WITHIN_MAX_S:
        raise BadStory(f"{where}: seconds are between 0 and {WITHIN_MAX_S:g}")
    return step


def folder() -> Path:
    """Where the stories are: inside the installed package, or beside it in a checkout."""
    inside = Path(__file__).resolve().parents[1] / "demos"
    return inside if inside.is_dir() else inside.parents[1] / "demos"


def load_story(path: Path) -> Story:
    """Raises NotFound, BadStory."""
    try:
        return parse_story(path.read_text(encoding="utf-8"), path.stem, str(path))
    except (FileNotFoundError, IsADirectoryError):
        known = ", ".join(sorted(file.stem for file in path.parent.glob("*.toml")))
        raise NotFound(f"there is no story {path.stem!r}", f"there are: {known}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadStory(f"{path} cannot be read: {error}") from None


# --- telling


def tell(
    story: Story, stage: Stage, say: Callable[[str], None] = lambda text: None, *,
    now: Callable[[], float] = time.monotonic, wait: Callable[[float], None] = time.sleep,
) -> Outcome:
    """Play a story; it ends at the first thing that does not hold. `say` hears each step as it begins."""
    began_s = now()
    names = {"home": stage.home, "owner": stage.owner()}
    problem = ""
    for number, step in enumerate(story.steps, 1):
        now_names = {**names, "serving": stage.owner()}
        node, on, not_on = (now_names.get(word, word) for word in (step.node, step.on, step.not_on))
        if step.say:
            say(_filled(step.say, {**names, "node": node}))
        try:
            if step.do:
                stage.perform(step.do, node)
            if step.must:
                problem = _await(step, stage, (node, on, not_on), now, wait)
        except HashellError as error:
            problem = str(error)
        if problem:
            problem = f"step {number} ({step.do or step.must}): {problem}"
            break
    return Outcome(story.name, began_s, now(), problem, stage.owner())


def _await(
    step: Step, stage: Stage, names: tuple[str, str, str], now: Callable[[], float],
    wait: Callable[[float], None],
) -> str:
    """Until the claim has held for `for_s`; the complaint when that does not come in time."""
    deadline_s = now() + step.within_s
    since_s: float | None = None
    while True:
        complaint = stage.complaint(step.must, *names)
        moment_s = now()
        if complaint:
            since_s = None
        elif since_s is None:
            since_s = moment_s
        if since_s is not None and moment_s - since_s >= step.for_s:
            return ""
        if moment_s > deadline_s + step.for_s:
            return complaint or f"it did not hold for {step.for_s:g} s"
        wait(LOOK_S)


def _filled(text: str, names: dict[str, str]) -> str:
    for word, name in names.items():
        text = text.replace("{" + word + "}", name or "nobody")
    return text


def check_names(stories: Iterable[str], known: Iterable[str]) -> None:
    """Raises NotFound for the first name that no story has."""
    there = tuple(known)
    for name in stories:
        if name not in there:
            raise NotFound(f"there is no story {name!r}", "there are: " + ", ".join(there))
