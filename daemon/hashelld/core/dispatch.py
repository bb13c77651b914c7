"""Dispatch: one node's components and who hears what, without I/O. The driver and the simulation both turn this
handle."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from hashelld.core.component import Component
from hashelld.core.effects import Effect, Exit, Log, Multicast, Send, Tell
from hashelld.core.events import Event, Happened, MessageDirect, MessageOrdered

#: Events that one event may lead to before we call it a loop: a whole view change makes a few hundred.
CHAIN_MAX = 10_000
#: Components that a node cannot be trusted without: an error in their code ends the node, its peers go on.
VITAL = frozenset({"engine", "cib_manager"})

#: Answers of which nothing is still to be worked out.
_WHOLE = (list, tuple)

Performed = tuple[str, Effect]


@dataclass(frozen=True, slots=True)
class MulticastWanted(Event):
    """A component's Multicast on its way to the engine."""

    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class SendWanted(Event):
    """A component's Send on its way to the engine."""

    to: str
    topic: str
    payload: bytes


class Dispatcher:
    """Hands events to components and gives back the effects that somebody outside must perform, each with who asked."""

    def __init__(
        self, components: Iterable[Component], heard_by: Mapping[type[Event], tuple[str, ...]]
    ) -> None:
        self.components = {component.name: component for component in components}
        self._heard_by = {
            kind: tuple(name for name in names if name in self.components)
            for kind, names in heard_by.items()
        }

    def hears(self, kind: type[Event]) -> tuple[str, ...]:
        """Components that hear a kind of event, in the order in which they hear it."""
        return self._heard_by.get(kind, ())

    def _listeners(self, event: Event) -> tuple[str, ...]:
        if isinstance(event, MessageOrdered) or isinstance(event, MessageDirect):  # noqa: SIM101 - in half the time
            # A topic begins with the room that it belongs to: "controller.result".
            return (event.topic.partition(".")[0],)
        return self._heard_by.get(type(event), ())

    def deliver(
        self, component: str, event: Event, now_ms: int, wall_s: float
    ) -> list[Performed]:
        """Let `component` (empty: all that hear this kind) hear an event, and all what components tell one another
        then."""
        return list(self.delivering(component, event, now_ms, wall_s))

    def delivering(self, component: str, event: Event, now_ms: int, wall_s: float) -> Iterator[Performed]:
        """As `deliver`, each effect as soon as it is asked for: what peers and clients wait for leaves before the rest
        is worked out. To be taken to its end."""
        # It grows while it is walked.
        chain: list[tuple[str, Event]] = [(component, event)]
        for to, current in chain:
            assert len(chain) <= CHAIN_MAX, f"components tell one another without end, last {current}"
            for name in (to,) if to else self._listeners(current):
                for effect in self._receive(name, current, now_ms, wall_s):
                    if type(effect) is Tell:
                        chain.append(("", effect.event))
                    elif type(effect) is Multicast:
                        chain.append(("engine", MulticastWanted(effect.topic, effect.payload)))
                    elif type(effect) is Send:
                        chain.append(("engine", SendWanted(effect.to, effect.topic, effect.payload)))
                    else:
                        yield name, effect

    def _receive(self, name: str, event: Event, now_ms: int, wall_s: float) -> Iterable[Effect]:
        component = self.components.get(name)
        if component is None:
            return ()
        try:
            answer = component.receive(event, now_ms, wall_s)
            # What is worked out only as it is taken must fail here, if it does.
            return answer if type(answer) in _WHOLE else list(answer)
        except Exception:
            # One component's mistake must not take its neighbours down; a vital one's does, on purpose.
            where = traceback.format_exc(limit=12)
            text = f"{name} failed on {type(event).__name__}"
            effects: list[Effect] = [Log("error", text, {"traceback": where})]
            if name in VITAL:
                effects.append(Exit(70, text))
            elif not isinstance(event, Happened):
                effects.append(Tell(Happened("daemon", "error", f"{text}; see the log")))
            return effects
