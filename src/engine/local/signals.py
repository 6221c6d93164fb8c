"""Signals taken in by the engine of this process (the `Signals` half of Engine)."""

import asyncio
import secrets
from pathlib import Path

from engine.api import CallbackToken, Delivery, Signal, SignalOutcome, Word
from engine.dispatch.gates.callbacks import call_back, set_token
from engine.dispatch.gates.signalling import receive
from engine.dispatch.steps import SIGNALS
from engine.errors import NotFound, Unavailable
from engine.local.parts import Parts
from engine.local.refs import gate_of
from engine.signals.deliveries import from_github, from_source
from engine.signals.proof import proven
from engine.store import Tx

GITHUB = "github"
LONGEST_SECRET = 65_536  # bytes


class LocalSignals:
    """Each is one transaction: the signal, what it resolves and the events of both."""

    _parts: Parts

    async def signal(self, signal: Signal) -> SignalOutcome:
        database = self._parts.context.database
        if signal.gate is not None:
            ref = signal.gate
            found = await database.read(lambda c: gate_of(c, ref))
            signal = signal.model_copy(update={"gate": found})
        return await database.write(lambda tx: receive(tx, signal))

    async def callback_token(self, gate: str, by: str = "operator") -> CallbackToken:
        database = self._parts.context.database
        found = await database.read(lambda c: gate_of(c, gate))
        token = secrets.token_urlsafe(32)
        await database.write(lambda tx: set_token(tx, found, token))
        return CallbackToken(gate=found, token=token, path=f"/v1/callbacks/{found}")

    async def callback(self, gate: str, token: str, word: Word) -> SignalOutcome:
        return await self._parts.context.database.write(lambda tx: call_back(tx, gate, token, word))

    async def deliver(self, delivery: Delivery) -> SignalOutcome:
        secret = await asyncio.to_thread(self._secret, delivery.source)
        signature = proven(secret, delivery.headers, delivery.body)
        partial = delivery.source == GITHUB
        if partial:
            signals = from_github(delivery.headers, delivery.body)
        else:
            signals = [from_source(delivery.source, delivery.body)]

        def unit(tx: Tx) -> SignalOutcome:
            values = {"source": delivery.source, "signature": signature, "at": tx.at}
            if tx.run(SIGNALS["deliver"], values) != 1:
                return SignalOutcome(matched=(), queued=False)  # these very bytes have had their effect
            outcomes = [receive(tx, signal, partial=partial) for signal in signals]
            matched = tuple(dict.fromkeys(gate for outcome in outcomes for gate in outcome.matched))
            return SignalOutcome(matched=matched, queued=any(outcome.queued for outcome in outcomes) and not matched)

        return await self._parts.context.database.write(unit)

    def _secret(self, source: str) -> bytes:
        """Read anew for each delivery: a secret may be changed. Blocks on the disk."""
        known = self._parts.context.settings.webhooks.get(source)
        if known is None:
            raise NotFound(f"no webhook is called {source[:60]!r}", hint=f"set `webhooks.{source[:60]}.secret_file`")
        file = self._parts.context.paths.root / Path(known.secret_file).expanduser()
        try:
            with file.open("rb") as opened:
                return opened.read(LONGEST_SECRET).strip()
        except OSError as error:
            hint = f"it is `webhooks.{source}.secret_file`"
            raise Unavailable(f"the secret of {source} cannot be read: {error.strerror}", hint=hint) from error
