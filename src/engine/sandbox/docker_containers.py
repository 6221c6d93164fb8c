"""Containers of this engine: created, adopted, signalled, removed, listed. Never anybody else's (R41)."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from engine.errors import Conflict, ImageNotFound, Invalid, NameTaken, NotFound
from engine.ids import SafeName, safe_name
from engine.sandbox.docker_calls import DaemonCalls, image_missing
from engine.sandbox.docker_ends import running
from engine.sandbox.docker_spec import LABEL_ENGINE, LABEL_RUN, SEARCH_PATH, container_config, is_named, network_mode
from engine.sandbox.driver import OwnedSandbox, SandboxSpec, Started

if TYPE_CHECKING:
    from docker import APIClient

CREATE = 30.0  # seconds; the daemon prepares a file system
START = 60.0  # seconds; eight starts share two cores on a small machine
REMOVE = 60.0  # seconds; the daemon deletes a file system
GONE = "the container is gone"


class Containers:
    """Finds containers by name, acts on them by id: a name can change hands, an id cannot."""

    def __init__(self, calls: DaemonCalls, engine_id: str) -> None:
        self._calls = calls
        self._engine_id = engine_id
        self._ids: dict[SafeName, str] = {}
        self._ended: dict[str, Mapping[str, Any]] = {}
        self._asking: dict[str, asyncio.Lock] = {}

    async def start(
        self, spec: SandboxSpec, mounts: Sequence[Mapping[str, object]], search_path: str = SEARCH_PATH
    ) -> Started:
        """Create and start, or adopt ours of this name. Raises as Driver.start does."""
        name = safe_name(spec.name)
        config = container_config(spec, self._engine_id, mounts, search_path)
        await self._require_network(spec.network)

        def create(client: "APIClient") -> Mapping[str, Any]:
            made: Mapping[str, Any] = client.create_container_from_config(config, name)  # type: ignore[no-untyped-call]
            return made

        try:
            made = await self._calls.call(f"create {name}", create, deadline=CREATE, changes=True)
        except ImageNotFound as error:
            raise image_missing(spec.image) from error
        except Conflict:
            return await self._adopt(spec)
        container = str(made["Id"])
        try:
            await self._run(name, container)
        except Invalid:  # the daemon says that this can never run, so nothing of it is left behind
            await self._remove(container)
            raise
        self._ids[name] = container
        return Started(name, container, adopted=False)

    async def find(self, name: SafeName) -> str | None:
        """The id of our container of this name; None when there is none, NameTaken when it is a stranger's."""
        known = self._ids.get(safe_name(name))
        if known is not None:
            return known
        try:
            info = await self.inspect(name)
        except NotFound:
            return None
        if info["Name"] != f"/{name}":
            return None
        if _labels(info).get(LABEL_ENGINE) != self._engine_id:
            raise NameTaken(f"container {name} is not one of this engine", hint="it is left untouched")
        self._ids[name] = str(info["Id"])
        return self._ids[name]

    async def require(self, name: SafeName) -> str:
        """The id of our container; NotFound when it is gone."""
        container = await self.find(name)
        if container is None:
            raise NotFound(GONE)
        return container

    async def inspect(self, container: str) -> dict[str, Any]:
        """Everything the daemon knows of it; NotFound when it is gone."""
        found: dict[str, Any] = await self._calls.call("inspect a container", lambda c: c.inspect_container(container))
        return found

    async def state(self, container: str) -> Mapping[str, Any]:
        """Its `State`. Once ended it stays so for us: whoever waits and whoever reads the log ask the daemon once."""
        async with self._asking.setdefault(container, asyncio.Lock()):
            state = self._ended.get(container)
            if state is None:
                found: Mapping[str, Any] = (await self.inspect(container))["State"]
                state = found
                if not running(state) and state.get("Status") != "created":
                    self._ended[container] = state
            return state

    async def signal(self, container: str, signal: str) -> None:
        """Deliver a signal; fine when it has ended or is gone."""
        try:
            await self._calls.call(f"signal {signal}", lambda c: c.kill(container, signal), changes=True)
        except (NotFound, Conflict):
            return

    async def interrupt(self, container: str) -> None:
        """INT to its main process, which our init passes it on to; Conflict when it has ended."""
        await self._calls.call("interrupt a container", lambda c: c.kill(container, "SIGINT"), changes=True)

    async def pause(self, container: str) -> None:
        """Freeze it; fine when it stands still already, Conflict when it has ended."""
        try:
            await self._calls.call("freeze a container", lambda c: c.pause(container), changes=True)
        except Conflict:
            if not (await self.state(container)).get("Paused"):
                raise

    async def unpause(self, container: str) -> None:
        """Let it go on; fine when it does, has ended or is gone."""
        try:
            if (await self.state(container)).get("Paused"):  # asked first: a daemon may call the rest its own failure
                await self._calls.call("thaw a container", lambda c: c.unpause(container), changes=True)
        except NotFound:
            return

    async def remove(self, name: SafeName) -> None:
        """Remove it with its anonymous volumes; fine when it is gone."""
        container = await self.find(name)
        if container is not None:
            await self._remove(container)
            self.forget(name)

    def forget(self, name: SafeName) -> None:
        """Drop what is remembered of a container that is gone."""
        container = self._ids.pop(name, "")
        self._ended.pop(container, None)
        self._asking.pop(container, None)

    async def owned(self) -> list[OwnedSandbox]:
        """Ours, by the label filter and again by comparison: the filter is the daemon's, the promise is ours."""
        label = f"{LABEL_ENGINE}={self._engine_id}"
        rows = await self._calls.call("list containers", lambda c: c.containers(all=True, filters={"label": [label]}))
        found = []
        for row in rows:
            labels = dict(row.get("Labels") or {})
            names = [name.removeprefix("/") for name in row.get("Names") or ()]
            if labels.get(LABEL_ENGINE) == self._engine_id and names:
                alive = row.get("State") in {"running", "paused", "restarting"}
                found.append(OwnedSandbox(safe_name(names[0]), str(row["Id"]), alive, labels))
        return found

    async def _adopt(self, spec: SandboxSpec) -> Started:
        """The container that has the name already, if it is this very run's."""
        info = await self.inspect(spec.name)
        labels = _labels(info)
        ours = labels.get(LABEL_ENGINE) == self._engine_id and labels.get(LABEL_RUN) == spec.labels.get(LABEL_RUN)
        if not ours or info["Name"] != f"/{spec.name}":
            raise NameTaken(
                f"a container named {spec.name} exists and is not this run's",
                hint=f"look at it with `docker inspect {spec.name}`; remove or rename it, then retry",
            )
        container = str(info["Id"])
        if info["State"]["Status"] == "created":
            await self._run(spec.name, container)
        self._ids[spec.name] = container
        return Started(spec.name, container, adopted=True)

    async def _run(self, name: SafeName, container: str) -> None:
        await self._calls.call(f"start {name}", lambda c: c.start(container), deadline=START, changes=True)

    async def _remove(self, container: str) -> None:
        try:
            await self._calls.call(
                "remove a container",
                lambda c: c.remove_container(container, v=True, force=True),
                deadline=REMOVE,
                changes=True,
            )
        except (NotFound, Conflict):  # a conflict: its removal is under way
            return

    async def _require_network(self, network: str) -> None:
        if not is_named(network):
            return
        name = network_mode(network)
        try:
            found = await self._calls.call("inspect a network", lambda c: c.inspect_network(name))
        except NotFound as error:
            raise Invalid(f"the daemon has no network named {name}") from error
        # An id, or the beginning of one, would do for the daemon and could stand for the host's own network.
        if found.get("Name") != name or found.get("Driver") in {"host", "null"}:
            raise Invalid(f"network {name!r} is refused")


def _labels(info: Mapping[str, Any]) -> Mapping[str, str]:
    return (info.get("Config") or {}).get("Labels") or {}
