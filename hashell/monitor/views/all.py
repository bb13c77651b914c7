"""All views, in the order of their digits."""

from __future__ import annotations

from hashell.monitor.views import View, configuration, logs, overview, timeline, transition, what_if, why

VIEWS: tuple[View, ...] = (
    overview.VIEW, transition.VIEW, timeline.VIEW, configuration.VIEW, why.VIEW,
    what_if.VIEW, logs.VIEW,
)
BY_NAME = {view.name: view for view in VIEWS}
