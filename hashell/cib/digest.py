"""Digests: of a whole document, and of an operation's parameters; both as Pacemaker computes them.

MD5 tells here whether something changed; it protects nothing.
Source: lib/common/digest.c; Pacemaker Explained, "Status", "Operation history" (op-digest,
op-restart-digest).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from lxml import etree

from hashell.cib.document import Cib

#: Who wrote and when is no part of what was written.
_FILTERED = re.compile(
    rb' (?:crm-debug-origin|cib-last-written|update-origin|update-client|update-user)="[^"]*"'
)
#: libxml2 writes control characters in decimal, Pacemaker in hexadecimal. Comments are left alone.
_CONTROL = re.compile(rb"<!--.*?-->|&#(?:9|10|13);|\x7f", re.DOTALL)
_HEXADECIMAL = {b"&#9;": b"&#x09;", b"&#10;": b"&#x0A;", b"&#13;": b"&#x0D;", b"\x7f": b"&#x7F;"}

#: Parameters that say where and when an operation runs, not what it is.
_NOT_DIGESTED = frozenset({
    "id", "crm_feature_set", "op-digest", "CRM_meta_on_node", "CRM_meta_on_node_uuid",
    "pcmk_external_ip",
})


def document_digest(cib: Cib) -> str:
    """32 hexadecimal digits over the whole CIB with its version, but not over who wrote it and
    when.
    """
    return tree_digest(cib.root)


def tree_digest(root: etree._Element) -> str:
    """As `document_digest`, for the root element of a CIB."""
    return _md5(_FILTERED.sub(b"", _dump(root)))


def parts_digest(parts: Iterable[etree._Element]) -> str:
    """The same for elements of a CIB, one after the other."""
    return _md5(_FILTERED.sub(b"", b"".join(_dump(part) for part in parts)))


def digest_matches(root: etree._Element, digest: str) -> bool:
    """Whether a CIB has a digest that a peer or a patch names.

    Before 2.1.8 Pacemaker wrote apostrophes as &apos; and control characters by other names; both
    spellings count.
    """
    dump = _FILTERED.sub(b"", _dump(root))
    if _md5(dump) == digest.lower():
        return True
    return b"'" in dump and _md5(dump.replace(b"'", b"&apos;")) == digest.lower()


def operation_digest(params: Mapping[str, str]) -> str:
    """The `op-digest` of an operation with these parameters (meta-attributes spelt CRM_meta_…).

    Of the meta-attributes only the timeout of a recurring operation counts.
    """
    return parameters_digest(digested(params))


def digested(params: Mapping[str, str]) -> dict[str, str]:
    """The parameters that an operation's digest depends on."""
    kept = {
        name: value for name, value in params.items()
        if name not in _NOT_DIGESTED and not name.startswith("CRM_meta_")
    }
    timeout = params.get("CRM_meta_timeout")
    if timeout is not None and params.get("CRM_meta_interval", "0").strip() not in ("", "0"):
        kept["CRM_meta_timeout"] = timeout
    return kept


def restart_digest(params: Mapping[str, str], forcing: Iterable[str]) -> str:
    """The `op-restart-digest`: over the parameters alone whose change forces a restart
    (`op-force-restart`).
    """
    counted = frozenset(forcing)
    return parameters_digest({k: v for k, v in digested(params).items() if k in counted})


def secure_digest(params: Mapping[str, str], private: Iterable[str]) -> str:
    """The `op-secure-digest`: over the parameters that are no secrets (`op-secure-params` lists
    those that are).
    """
    spared = frozenset(private)
    return parameters_digest({k: v for k, v in digested(params).items() if k not in spared})


def parameters_digest(params: Mapping[str, str]) -> str:
    """The digest of exactly these parameters, in whatever order they come."""
    # Written by hand: a parameter may have a name that is no XML name ("1"), and then it counts
    # too.
    listed = "".join(
        f' {name}="{_escaped(params[name])}"' for name in sorted(params, key=str.encode)
    )
    return _md5(f" <parameters{listed}/>\n".encode())


_ESCAPED = {
    **{code: f"&#x{code:02X};" for code in (*range(1, 32), 127)},
    ord("<"): "&lt;", ord(">"): "&gt;", ord("&"): "&amp;", ord('"'): "&quot;",
}


def _escaped(value: str) -> str:
    return value.translate(_ESCAPED)


def _dump(root: etree._Element) -> bytes:
    data = etree.tostring(root, encoding="utf-8", with_tail=False)
    return _CONTROL.sub(lambda match: _HEXADECIMAL.get(match[0], match[0]), data)


def _md5(data: bytes) -> str:
    # The library of ciphers behind it takes a start 4 ms, and most commands compute no digest.
    import hashlib

    return hashlib.md5(data, usedforsecurity=False).hexdigest()
