"""OCF agents: the environment that they see, and what their exit codes mean.

Source: OCF Resource Agent API 1.1, "Parameter passing", "Return codes"; Pacemaker Explained, "Resource agents".
"""

from __future__ import annotations

from collections.abc import Mapping

from hashell.values.outcomes import OcfCode

#: Version of the agent API that we offer.
RA_VERSION = ("1", "1")
#: Agents mark the line for people with this, on standard error.
REASON_PREFIX = "ocf-exit-reason:"


def environment(
    ocf_root: str, rsctmp: str, varrun: str, provider: str, kind: str, resource: str,
    parameters: Mapping[str, str],
) -> dict[str, str]:
    """All variables that an agent may count on, its parameters among them as OCF_RESKEY_NAME.

    HA_RSCTMP and HA_VARRUN are what resource-agents' shell functions build their paths on; both belong to the node.
    """
    values = {
        "OCF_ROOT": ocf_root,
        "OCF_FUNCTIONS_DIR": f"{ocf_root}/lib/heartbeat",
        "OCF_RA_VERSION_MAJOR": RA_VERSION[0],
        "OCF_RA_VERSION_MINOR": RA_VERSION[1],
        "OCF_RESOURCE_INSTANCE": resource,
        "OCF_RESOURCE_TYPE": kind,
        "OCF_RESOURCE_PROVIDER": provider,
        "OCF_EXIT_REASON_PREFIX": REASON_PREFIX,
        "HA_RSCTMP": rsctmp,
        "HA_RSCTMP_OLD": rsctmp,
        "HA_VARRUN": varrun,
        "HA_LOGFACILITY": "none",
        "HA_cluster_type": "corosync",
        "HA_quorum_type": "corosync",
        "PCMK_service": "pacemaker-execd",
    }
    for name, value in parameters.items():
        if "\0" in name or "\0" in value or "=" in name:
            continue
        if name == "OCF_CHECK_LEVEL":
            values[name] = value
        else:
            values[f"OCF_RESKEY_{name}"] = value
    return values


def result(exit_code: int) -> int:
    """Codes that the API does not know count as an unknown error."""
    if 0 <= exit_code <= OcfCode.FAILED_PROMOTED or exit_code in (
        OcfCode.DEGRADED, OcfCode.DEGRADED_PROMOTED
    ):
        return exit_code
    return OcfCode.UNKNOWN_ERROR


def exit_reason(stderr: bytes) -> str:
    """The agent's last word for people, without the prefix; empty when it gave none."""
    found = ""
    for line in stderr.decode("utf-8", "replace").splitlines():
        _, prefix, text = line.partition(REASON_PREFIX)
        if prefix:
            found = text.strip()
    return "".join(char for char in found[:500] if char.isprintable())
