"""Single calls to the container daemon: docker-py on threads of our own, a deadline each, errors as ours."""

import asyncio
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from engine.errors import (
    Conflict,
    DaemonUnavailable,
    ImageNotFound,
    Invalid,
    NotFound,
    OutcomeUnknown,
    PilothouseError,
)

if TYPE_CHECKING:
    from docker import APIClient
    from docker.errors import APIError

T = TypeVar("T")

THREADS = 8
CALL = 10.0  # seconds of an ordinary call
QUEUE = 10.0  # seconds a call may wait for a thread; they are all busy only when the daemon hangs
OLDEST_API = "1.41"  # Docker 20.10
START_ADVICE = "start it (systemctl start docker) or set DOCKER_HOST; `--runtime process` needs no daemon"


def socket_path(host: str) -> str:
    """The path in `unix:///path`; Invalid for any other address."""
    path = host.removeprefix("unix://")
    if path == host or not path.startswith("/") or "\0" in path:
        raise Invalid(f"docker_host {host!r} cannot be used", hint="only unix:///path/to/docker.sock is")
    return path


class DaemonCalls:
    """Runs docker-py calls, one client per thread. A call that outlives its deadline raises OutcomeUnknown when it
    changes something and DaemonUnavailable when it only asks; so does one that nobody answers."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.path = socket_path(host)
        self.executor = ThreadPoolExecutor(THREADS, thread_name_prefix="docker")
        self._own = threading.local()
        self._clients: list[APIClient] = []
        self._version: str | None = None

    async def call(
        self, what: str, work: "Callable[[APIClient], T]", *, deadline: float = CALL, changes: bool = False
    ) -> T:
        """The result of `work` on a client; `what` names it in errors."""
        running = self.executor.submit(self._run, what, work, deadline, changes)
        try:
            async with asyncio.timeout(deadline + QUEUE):
                return await asyncio.wrap_future(running)
        except TimeoutError as error:
            raise self._late(what, deadline + QUEUE, changes and not running.cancelled()) from error

    def close(self) -> None:
        """Let go of threads and connections; a call under way ends by its own deadline."""
        self.executor.shutdown(wait=False, cancel_futures=True)
        for client in self._clients:
            client.close()

    def _run(self, what: str, work: "Callable[[APIClient], T]", deadline: float, changes: bool) -> T:
        from docker.errors import APIError, DockerException
        from requests.exceptions import ReadTimeout, RequestException

        try:
            self._probe()
            client = self._client()
            client.timeout = deadline  # type: ignore[assignment]  # seconds; the stubs want whole ones
            return work(client)
        except ReadTimeout as error:
            raise self._late(what, deadline, changes) from error
        except APIError as error:
            raise refused(what, error) from error
        except (DockerException, RequestException, ValueError) as error:
            raise self._broken(what, error, changes) from error
        except OSError as error:  # from the probe, before anything was asked
            raise unreachable(self.host, error) from error

    def _probe(self) -> None:
        """Refuse before docker-py is asked: it wraps the reason five times."""
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(CALL)
            probe.connect(self.path)

    def _client(self) -> "APIClient":
        client: APIClient | None = getattr(self._own, "client", None)
        if client is None:
            self._version = self._version or self._ask_version()
            client = self._own.client = self._connected(self._version)
            self._clients.append(client)
        return client

    def _ask_version(self) -> str:
        """The newest API the daemon speaks. Not left to docker-py, which leaks its connection when nobody answers."""
        client = self._connected(OLDEST_API)
        try:
            return str(client.version(api_version=False)["ApiVersion"])
        finally:
            client.close()

    def _connected(self, version: str) -> "APIClient":
        from docker import APIClient

        from engine.sandbox.docker_transport import close_what_cannot_connect

        client = APIClient(base_url=self.host, version=version, timeout=CALL)  # type: ignore[arg-type]
        close_what_cannot_connect(client, self.path, CALL)
        client.trust_env = False
        return client

    def _late(self, what: str, seconds: float, changes: bool) -> PilothouseError:
        words = f"the container daemon at {self.host} did not {what} within {seconds:g} s"
        if changes:
            return OutcomeUnknown(words, hint="it may still do so; its state is read again")
        return DaemonUnavailable(words, hint="is it overloaded? `docker info` should answer")

    def _broken(self, what: str, error: Exception, changes: bool) -> PilothouseError:
        never_sent = _cause(error, (ConnectionRefusedError, FileNotFoundError, PermissionError)) is not None
        if never_sent or not changes:
            return unreachable(self.host, error)
        return OutcomeUnknown(f"the connection to the container daemon broke while it was to {what}: {error}")


def _cause(error: BaseException, kinds: tuple[type[OSError], ...]) -> OSError | None:
    """The first of these errors among what led to this one."""
    seen: list[object] = [error]
    for item in seen:
        if isinstance(item, kinds):
            return item
        if isinstance(item, BaseException) and len(seen) < 50:
            seen += [item.__cause__, item.__context__, *item.args]
    return None


def unreachable(host: str, error: Exception) -> DaemonUnavailable:
    """Why nobody answers, with what to do."""
    if _cause(error, (PermissionError,)):
        return DaemonUnavailable(
            f"the container daemon at {host} refuses this user: permission denied",
            hint="add yourself to the group of the socket (usually `docker`), or set DOCKER_HOST to one of yours",
        )
    return DaemonUnavailable(f"no container daemon answers at {host}", hint=START_ADVICE)


def image_missing(image: str) -> ImageNotFound:
    """The image that was asked for is not here, and how it gets here."""
    hint = f"`docker pull {image}` fetches it; `pilothouse image build` makes the default image, which is `image: auto`"
    return ImageNotFound(f"the image {image} is not on this machine", hint=hint)


def refused(what: str, error: "APIError") -> PilothouseError:
    """The daemon's own refusal as one of our errors."""
    words = str(error.explanation or error).strip()
    status = error.response.status_code if error.response is not None else 500
    if status == 404 and "no such image" in words.lower():
        return ImageNotFound(words, hint="`pilothouse image build` makes the default image")
    if status == 404:
        return NotFound(f"cannot {what}: {words}")
    if status == 409:
        return Conflict(f"cannot {what}: {words}")
    if status == 400 or "OCI runtime" in words or "cannot exec" in words:
        return Invalid(f"cannot {what}: {words}")
    return DaemonUnavailable(f"the container daemon failed to {what}: {words}")
