"""Access: what the CIB's access control lists let a caller see and change. Pure.

Lists count only while the cluster option `enable-acl` is true, and never for root, the daemon's own user and hacluster.
What is not a reading or a change of the CIB (fencing, cleaning up, history …) no list can grant, so it is refused to
those whom lists restrict.
Source: Pacemaker Explained, "Access Control Lists (ACLs)".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hashell.cib import acl
from hashell.cib.document import Cib
from hashell.cib.transaction import commit
from hashell.wire.messages import Change


@dataclass(frozen=True, slots=True)
class Access:
    """One caller against one CIB."""

    cib: Cib
    user: str
    permissions: acl.Permissions

    @classmethod
    def of(cls, cib: Cib, user: str, groups: Sequence[str], *, privileged: bool) -> Access:
        return cls(cib, user, acl.permissions_of(cib, "" if privileged else user, groups))

    @property
    def restricted(self) -> bool:
        return not self.permissions.unrestricted

    def visible(self) -> Cib:
        """The CIB as the caller sees it. Raises PermissionDenied when nothing of it is theirs."""
        part = acl.readable_part(self.cib, self.permissions)
        if part is None:
            raise acl.PermissionDenied(f"{self.user} may see nothing of the CIB", "ask for a role that may read")
        return part

    def check(self, changes: Sequence[Change]) -> None:
        """Raises PermissionDenied for what may not be changed, and what the changes themselves raise."""
        if self.restricted:
            acl.check_write(self.cib, commit(self.cib, changes).after, self.permissions)

    def check_other(self, what: str) -> None:
        """Raises PermissionDenied for a request that no list can grant."""
        if self.restricted:
            raise acl.PermissionDenied(
                f"access control lists restrict {self.user}, so {what} is refused", "ask root or hacluster to do it"
            )
