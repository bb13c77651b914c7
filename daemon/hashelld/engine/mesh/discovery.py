"""Discovery: addresses where a peer may be → whom to dial, and when again. Pure.

An address only means "try there": who is a peer is told by what it says inside TLS.
"""

from __future__ import annotations

from dataclasses import dataclass

#: Milliseconds between two dials of one address: the first is quick, so that a restarted node is back at once.
DELAYS_MS = (50, 100, 200, 400, 800, 1000)
#: Where nobody of ours answers (another key, another cluster), less often.
REFUSED_MS = 5_000
#: Addresses kept; announced ones beyond that are not taken.
ADDRESSES_MAX = 256

Address = tuple[str, int]


@dataclass(slots=True)
class _Try:
    """One address. `linked`: a connection to or from there is up; `mine`: it is ourselves."""

    next_ms: int = 0
    failures: int = 0
    dialing: bool = False
    name: str = ""
    mine: bool = False
    lasting: bool = False


class Discovery:
    """All addresses known, whoever told them."""

    def __init__(self) -> None:
        self._tries: dict[Address, _Try] = {}

    def add(self, address: Address, now_ms: int, *, lasting: bool = False, wait_ms: int = 0) -> None:
        """`lasting`: from the settings or the roster, never dropped. `wait_ms`: before the first dial."""
        known = self._tries.get(address)
        if known is None:
            if len(self._tries) >= ADDRESSES_MAX and not (lasting and self._make_room()):
                return
            known = self._tries[address] = _Try(now_ms + wait_ms)
        elif known.failures:
            # Told again: somebody is there now.
            known.next_ms = min(known.next_ms, now_ms + DELAYS_MS[0])
        known.lasting = known.lasting or lasting

    def _make_room(self) -> bool:
        """However many addresses somebody announces, those of the settings and the roster have a place."""
        of_no_use = [
            address for address, one in self._tries.items()
            if not (one.lasting or one.dialing or one.mine or one.name)
        ]
        if of_no_use:
            del self._tries[max(of_no_use, key=lambda address: self._tries[address].failures)]
        return bool(of_no_use)

    def due(self, now_ms: int, linked: frozenset[str]) -> tuple[Address, ...]:
        """Addresses to dial now; `linked` are names that need no dial."""
        out = []
        for address, one in sorted(self._tries.items()):
            if one.dialing or one.mine or (one.name and one.name in linked):
                continue
            if one.next_ms <= now_ms:
                one.dialing = True
                out.append(address)
        return tuple(out)

    def failed(self, address: Address, now_ms: int, *, refused: bool = False) -> None:
        one = self._tries.get(address)
        if one is None:
            return
        one.dialing = False
        delay = REFUSED_MS if refused else DELAYS_MS[min(one.failures, len(DELAYS_MS) - 1)]
        one.failures += 1
        one.next_ms = now_ms + delay
        if not one.lasting and one.failures > 120:
            del self._tries[address]

    def linked(self, address: Address, name: str, now_ms: int) -> None:
        """`name` answered there."""
        one = self._tries.setdefault(address, _Try())
        one.dialing, one.failures, one.name = False, 0, name
        one.next_ms = now_ms

    def lost(self, name: str, now_ms: int) -> None:
        """The link to `name` ended: look at once whether it is back."""
        for one in self._tries.values():
            if one.name == name:
                one.next_ms, one.failures = now_ms, 0

    def name_of(self, address: Address) -> str:
        """Who answered there last."""
        one = self._tries.get(address)
        return one.name if one else ""

    def is_me(self, address: Address) -> None:
        one = self._tries.setdefault(address, _Try())
        one.mine, one.dialing = True, False
