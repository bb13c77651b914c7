"""The door: who may come in to the monitor in a browser. Pure: headers and a token in, a verdict out.

Three things are asked of every request, in this order: that it was meant for us (Host, so that no other name can be
pointed here), that no foreign page sent it (Origin, Sec-Fetch-Site), and that it knows the secret. The secret stands in
the first address as a token, and from then on in a cookie that no script can read and no foreign page can send.
"""

from __future__ import annotations

import enum
import hmac
from collections.abc import Mapping
from urllib.parse import urlsplit

from msgspec import Struct

from hashell.errors import BadUsage


class Verdict(enum.Enum):
    """What is to be done with a request."""

    IN = "in"  # the cookie is right
    WELCOME = "welcome"  # the token is right: give the cookie
    MISSENT = "this name is not served here"
    FOREIGN = "a page from elsewhere may not use this monitor"
    UNKNOWN = "open the address that hashell serve printed: it has the token in it"


class Door(Struct, frozen=True):
    """`origins`: as which we are known, like `http://127.0.0.1:8780`; `token` opens once, `cookie` from then on."""

    origins: frozenset[str]
    token: str
    cookie: str
    port: int

    @property
    def cookie_name(self) -> str:
        """Cookies are not told apart by ports, so two monitors on one machine need two names."""
        return f"hashell-{self.port}"

    def judge(
        self, headers: Mapping[str, str], cookies: Mapping[str, str], token: str | None, *, websocket: bool
    ) -> Verdict:
        """Whether a request comes in. `token` None: its address has none; `websocket`: it wants one.

        A browser always says from where it opens a websocket; who does not say so there is no page of ours.
        """
        if headers.get("Host", "").lower() not in {urlsplit(origin).netloc for origin in self.origins}:
            return Verdict.MISSENT
        origin = headers.get("Origin")
        if (origin is None and websocket) or (origin is not None and origin.lower() not in self.origins):
            return Verdict.FOREIGN
        # A link on another site may lead here (it needs the token then); nothing there may load or call us.
        if headers.get("Sec-Fetch-Site") == "cross-site" and headers.get("Sec-Fetch-Mode") != "navigate":
            return Verdict.FOREIGN
        if token is not None:
            return Verdict.WELCOME if _same(token, self.token) else Verdict.UNKNOWN
        return Verdict.IN if _same(cookies.get(self.cookie_name, ""), self.cookie) else Verdict.UNKNOWN


def _same(given: str, secret: str) -> bool:
    return hmac.compare_digest(given.encode(), secret.encode())


def origins(host: str, port: int, public_url: str = "") -> frozenset[str]:
    """The origins by which a browser may know us. Raises BadUsage where none can be told."""
    found: set[str] = set()
    if public_url:
        parts = urlsplit(public_url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/"):
            raise BadUsage(f"--public-url {public_url} is no address of a site", "like https://monitor.example.org")
        found.add(f"{parts.scheme}://{parts.netloc}".lower())
    if host in ("", "0.0.0.0", "::"):  # noqa: S104 - compared with, not bound to
        if not found:
            raise BadUsage(
                "a browser cannot be told where that is, when every address is listened on",
                "name one with --host, or say --public-url",
            )
        return frozenset(found)
    names = {host, "localhost"} if host in ("127.0.0.1", "::1", "localhost") else {host}
    for name in names:
        shown = f"[{name}]" if ":" in name else name
        found.add(f"http://{shown}:{port}".lower())
        if port == 80:
            found.add(f"http://{shown}".lower())
    return frozenset(found)
