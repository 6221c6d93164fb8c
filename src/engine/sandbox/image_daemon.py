"""The few daemon calls that images need, each with a deadline; errors come out as ours."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from engine.errors import DaemonUnavailable, OutcomeUnknown

if TYPE_CHECKING:
    from docker import APIClient

OLDEST_API = "1.41"  # Docker 20.10


@contextmanager
def daemon(host: str, timeout: float) -> Iterator["APIClient"]:
    """A client whose every call ends within `timeout` seconds; DaemonUnavailable or OutcomeUnknown otherwise."""
    import docker
    from docker.errors import APIError, DockerException
    from requests.exceptions import ConnectionError as NoConnection
    from requests.exceptions import ReadTimeout, RequestException

    _require_listener(host, timeout)
    client = None
    try:
        # Asking for the version in the constructor (`auto`) leaves the connection open when the daemon fails to answer.
        client = docker.APIClient(base_url=host, timeout=timeout, version=OLDEST_API)  # type: ignore[arg-type]
        spoken = str(client.version(api_version=False)["ApiVersion"])
        client.close()
        client = docker.APIClient(base_url=host, timeout=timeout, version=spoken)  # type: ignore[arg-type]
        yield client
    except ReadTimeout as error:
        raise OutcomeUnknown(f"the container daemon at {host} did not answer within {timeout:g} s") from error
    except NoConnection as error:
        raise _no_daemon(host, error) from error
    except APIError as error:
        raise DaemonUnavailable(f"the container daemon refused: {error.explanation or error}") from error
    except (DockerException, RequestException) as error:
        raise _no_daemon(host, error) from error
    finally:
        if client is not None:
            client.close()


def _require_listener(host: str, timeout: float) -> None:
    """Refuse at once when nobody listens on a Unix socket."""
    if not host.startswith("unix://"):
        return
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(timeout)
        try:
            probe.connect("/" + host.removeprefix("unix://").lstrip("/"))
        except OSError as error:
            raise _no_daemon(host, error) from error


def _no_daemon(host: str, error: Exception) -> DaemonUnavailable:
    if "Permission denied" in str(error):
        return DaemonUnavailable(
            f"the container daemon at {host} refuses this user: permission denied",
            hint="add yourself to the group of the socket, or run as root",
        )
    return DaemonUnavailable(
        f"no container daemon answers at {host}",
        hint="start it (systemctl start docker) or set DOCKER_HOST; `--runtime process` needs no daemon",
    )


def image_labels(client: "APIClient", image: str) -> dict[str, str] | None:
    """The labels of an image of this machine; None when it is not here."""
    from docker.errors import ImageNotFound

    try:
        found = client.inspect_image(image)  # type: ignore[no-untyped-call]  # the stubs leave it bare
    except ImageNotFound:
        return None
    return dict((found.get("Config") or {}).get("Labels") or {})


def import_layer(client: "APIClient", tar: IO[bytes], image: str, changes: list[str]) -> None:
    """Make an image of one layer from a tar on disk; it is streamed, not read into memory."""
    repository, _, tag = image.rpartition(":")
    client.import_image(src=tar, repository=repository, tag=tag, changes=changes)
