"""From the feed into the model: every word of the cluster, and where the connection stands.

Ends only with its task. A cluster that cannot be reached at first is tried again, as a feed does
with one that was lost.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from hashell.client.api import ClusterClient
from hashell.client.feed import (
    CibUpdate,
    Connected,
    Disconnected,
    EventUpdate,
    InfoUpdate,
    TransitionUpdate,
    Update,
    feed_of,
)
from hashell.errors import HashellError
from hashell.monitor.model import ClusterModel

#: Seconds between two attempts to find a cluster at all.
RETRY_S = 1.0


def hear(model: ClusterModel, update: Update, now_s: float) -> None:
    """Put one update into the model."""
    match update:
        case Connected():
            text = f"attached to {update.node}"
            if update.moved_from:
                text = f"{update.why}: moved to {update.node}"
            model.node = update.node
            if update.moved_from:
                model.moved = text
            model.hear_link(connected=True, where=update.where, text=text)
        case Disconnected():
            model.hear_link(
                connected=False, where="",
                text=f"lost: {update.why}; again in {update.retry_s:.0f} s" if update.retry_s >= 1
                else f"lost: {update.why}; looking for another node",
            )
        case CibUpdate():
            model.hear_cib(update.after, now_s)
        case InfoUpdate():
            model.hear_info(update.info, now_s)
        case EventUpdate():
            model.hear_event(update.event)
        case TransitionUpdate():
            model.hear_transition(update.notice, now_s)


async def watch(model: ClusterModel, open_client: Callable[[], ClusterClient]) -> None:
    """Follow one cluster until cancelled."""
    while True:
        try:
            client = await asyncio.to_thread(open_client)
        except HashellError as error:
            model.hear_link(connected=False, where="", text=str(error))
            await asyncio.sleep(RETRY_S)
            continue
        model.kind, model.read_only = client.kind, client.read_only
        feed = feed_of(client)
        try:
            async for update in feed.updates():
                hear(model, update, time.time())
        finally:
            await feed.close()
            client.close()
