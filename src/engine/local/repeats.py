"""Orders under a key, recorded in the store (the `Repeats` half of what is served)."""

import asyncio
import json
from datetime import timedelta

from engine.api.repeats import Recorded
from engine.errors import Conflict
from engine.local.parts import Parts
from engine.store import Tx
from engine.store.operation import OPERATIONS, UNDER_WAY, Operation
from engine.store.transaction import stamp

KEPT = timedelta(days=7)


class LocalRepeats:
    """An order is noted before it begins, its first write in the commit of that write, its answer afterwards: a crash
    leaves it not begun, or known to have an effect, and never free to have it again."""

    def __init__(self, parts: Parts) -> None:
        self._database = parts.context.database
        self._under_way: dict[str, asyncio.Event] = {}

    async def begin(self, key: str, digest: str) -> Recorded | None:
        while (busy := self._under_way.get(key)) is not None:
            await busy.wait()
        self._under_way[key] = asyncio.Event()
        try:
            answer = await self._database.write(lambda tx: _begun(tx, key, digest))
        except BaseException:
            self._released(key)
            raise
        if answer is None:
            UNDER_WAY.set(Operation(key))
        else:
            self._released(key)
        return answer

    async def finish(self, key: str, answer: Recorded | None) -> None:
        UNDER_WAY.set(None)
        try:
            await self._database.write(lambda tx: _finished(tx, key, answer))
        finally:
            self._released(key)

    def _released(self, key: str) -> None:
        self._under_way.pop(key).set()


def _begun(tx: Tx, key: str, digest: str) -> Recorded | None:
    tx.run(OPERATIONS["forget"], {"horizon": stamp(tx.now - KEPT)})
    row = tx.one(OPERATIONS["get"], {"key": key})
    if row is None:
        tx.run(OPERATIONS["insert"], {"key": key, "digest": digest, "at": tx.at})
        return None
    if row["digest"] != digest:
        raise Conflict("this key was used for another order", hint="each order has an Idempotency-Key of its own")
    if row["status"] is not None:
        return Recorded(row["status"], bytes(row["body"]), json.loads(row["headers"]))
    if row["effect"]:
        raise Conflict(
            "this order was carried out, but its answer was lost",
            hint="look at what came of it; a new key would carry it out again",
        )
    return None  # an engine ended before it had written anything


def _finished(tx: Tx, key: str, answer: Recorded | None) -> None:
    if answer is None:
        tx.run(OPERATIONS["drop"], {"key": key})
        return
    told = {"status": answer.status, "headers": json.dumps(answer.headers), "body": answer.body}
    tx.run(OPERATIONS["finish"], {"key": key, **told})
