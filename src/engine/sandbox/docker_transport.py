"""docker-py's way to a Unix socket, with a socket that cannot connect closed instead of left to the collector."""

import socket
from typing import TYPE_CHECKING

from docker.transport.unixconn import UnixHTTPAdapter, UnixHTTPConnection, UnixHTTPConnectionPool

if TYPE_CHECKING:
    from docker import APIClient


class _Connection(UnixHTTPConnection):
    def connect(self) -> None:
        sock = socket.socket(socket.AF_UNIX)
        try:
            sock.settimeout(self.timeout)
            sock.connect(self.unix_socket)
        except BaseException:
            sock.close()
            raise
        self.sock = sock


class _Pool(UnixHTTPConnectionPool):
    def _new_conn(self) -> _Connection:  # type: ignore[override]  # the stubs name a class of urllib3 it is not made of
        return _Connection(self.base_url, self.socket_path, self.timeout)  # type: ignore[arg-type]  # a Timeout is fine


class _Adapter(UnixHTTPAdapter):
    def get_connection(self, url: str, proxies: object = None) -> _Pool:  # type: ignore[override]  # never bytes here
        with self.pools.lock:
            pool = self.pools.get(url)
            if not isinstance(pool, _Pool):
                pool = _Pool(url, self.socket_path, self.timeout, maxsize=self.max_pool_size)
                self.pools[url] = pool
        return pool


def close_what_cannot_connect(client: "APIClient", path: str, timeout: float) -> None:
    """Give a client of the daemon at `path` the transport of this module; `timeout` in seconds."""
    adapter = _Adapter(f"http+unix://{path}", timeout)  # type: ignore[arg-type]  # the stubs want whole seconds
    client.mount("http+docker://", adapter)
