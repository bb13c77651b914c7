"""All views, in the order of their digits."""

from __future__ import annotations

from hashell.monitor.views import View, configuration, overview, timeline, transition, why

VIEWS: tuple[View, ...] = (overview.VIEW, transition.VIEW, timeline.VIEW, configuration.VIEW, why.VIEW)
BY_NAME = {view.name: view for view in VIEWS}
