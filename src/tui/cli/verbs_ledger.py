"""The verb `ledger`: the chain of everything that was done to decisions, proved or written out."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine.errors import Conflict, ExitCode, Invalid
from tui.cli.call import Call, Verb, run_async
from tui.cli.output import put, put_json, say
from tui.cli.session import look

if TYPE_CHECKING:
    from engine.api import Engine, LedgerCheck, LedgerEntry

PAGE = 1_000  # rows


@click.command("ledger", cls=Verb)
@click.argument("action", type=click.Choice(["verify", "export"]))
@click.option(
    "--file", "file", metavar="F", type=click.Path(path_type=Path), help="verify: an export instead of the store."
)
@click.pass_obj
def ledger(call: Call, action: str, file: Path | None) -> ExitCode:
    """Verify the ledger of decisions, or export it as JSON lines.

    Each row carries the SHA-256 of itself and of the row before. `verify` ends with exit code 4 when one does not fit;
    with --file it checks an export, which needs no engine and no store.
    """
    if action == "export":
        if file is not None:
            raise Invalid("--file goes with verify", hint="export writes to stdout")
        for entry in run_async(look(call, _all)):
            put_json(entry, line=True)
        return ExitCode.DONE
    check = run_async(look(call, lambda engine: engine.verify_ledger())) if file is None else _check(file)
    if not check.ok:
        where = "" if check.at is None else f" at row {check.at}"
        raise Conflict(f"the ledger does not hold{where}: {check.problem}",
                       hint="compare it with an earlier export", details=check.model_dump())  # fmt: skip
    if call.as_json:
        put_json(check)
    else:
        put(f"{check.rows:,} rows hold; newest hash {check.head}")
        say("keep that hash elsewhere: whoever can write the store could write a chain anew")
    return ExitCode.DONE


async def _all(engine: "Engine") -> "list[LedgerEntry]":
    """Every row, oldest first."""
    found: list[LedgerEntry] = []
    before: int | None = None
    while page := await engine.history(PAGE, before):
        found += page
        before = page[-1].seq
        if before == 1:
            break
    return found[::-1]


def _check(file: Path) -> "LedgerCheck":
    from pydantic import ValidationError

    from engine.api import LedgerEntry
    from engine.api.ledger import check_chain

    try:
        lines = file.read_text(encoding="utf-8").splitlines()
        return check_chain(LedgerEntry.model_validate(json.loads(line)) for line in lines if line.strip())
    except OSError as error:
        raise Invalid(f"cannot read {file}: {error.strerror}", hint="`ledger export` writes such a file") from error
    except (ValueError, ValidationError) as error:
        raise Invalid(f"{file} is no export of a ledger: {str(error).splitlines()[0]}") from error
