"""Orders: an action of the DC's graph → the operation that it asks for. Pure."""

from __future__ import annotations

from hashell.cib.document import parse_xml
from hashell.errors import BadInput
from hashell.transition.xml import action_from_element
from hashell.values.agent_names import AgentName
from hashelld.executor.history import Operation

#: Bounds for what a CIB may ask for: an operation without a timeout gets Pacemaker's default.
TIMEOUT_DEFAULT_MS = 20_000
TIMEOUT_MAX_MS = 24 * 3600 * 1000
#: Bytes of a CIB's parameter that an agent's environment takes; the kernel's limit for one string.
VALUE_MAX = 128 * 1024 - 1


def read_order(action_xml: bytes) -> Operation:
    """Raises BadInput for what cannot be read or names no resource."""
    root = parse_xml(action_xml, "an action")
    action = action_from_element(root)
    if action.primitive is None:
        raise BadInput(f"operation {action.key} names no resource")
    parameters = {name: value for name, value in action.attributes.items() if len(value) < VALUE_MAX}
    return Operation(
        resource=action.primitive.id,
        agent=AgentName(action.primitive.standard, action.primitive.provider, action.primitive.type),
        task=action.task, interval_ms=action.interval_ms,
        timeout_ms=min(action.timeout_ms or TIMEOUT_DEFAULT_MS, TIMEOUT_MAX_MS),
        transition_key=root.get("transition-key", ""), target_rc=_number(parameters.get("CRM_meta_op_target_rc")),
        parameters=parameters, start_delay_ms=_number(parameters.get("CRM_meta_start_delay")),
        shutdown_lock=action.shutdown_lock,
    )


def _number(text: str | None) -> int:
    return int(text) if text and text.isdigit() else 0
