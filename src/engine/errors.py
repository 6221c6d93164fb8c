"""Every error an operator can meet, as a tree.

PilothouseError            code · exit code
├── Invalid                invalid · 2        what was given cannot be used
│   ├── InvalidGoalFile    invalid_goal_file · 2
│   └── Refused            refused · 2        no proof of who asks, or who asks may not
├── NotFound               not_found · 3
│   └── ImageNotFound      image_not_found · 3
├── Conflict               conflict · 4       the row moved on, or the move is not allowed
│   ├── StaleVersion       stale_version
│   ├── IllegalMove        illegal_move
│   ├── EngineRunning      engine_running
│   ├── NameTaken          name_taken
│   └── Unreadable         unreadable
└── Unavailable            unavailable · 69
    ├── StoreError         store
    ├── EngineUnavailable  engine_unavailable
    ├── DaemonUnavailable  daemon_unavailable
    └── OutcomeUnknown     outcome_unknown
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """What the process answers with (CONTRACT section 1)."""

    DONE = 0
    TASK_FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    CONFLICT = 4
    GATE_PENDING = 5
    GATE_REJECTED = 6
    DEADLINE = 7
    BUDGET = 8
    UNAVAILABLE = 69
    INTERRUPTED = 130


class PilothouseError(Exception):
    """Something the operator can act on: a message, a hint and plain details."""

    code = "error"
    exit_code = ExitCode.TASK_FAILED
    status = 500  # of the answer over HTTP

    def __init__(self, message: str, *, hint: str = "", details: dict[str, object] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = details or {}


class Invalid(PilothouseError):
    """The input cannot be used as it stands."""

    code = "invalid"
    exit_code = ExitCode.USAGE
    status = 400


class InvalidGoalFile(Invalid):
    """A goal file with problems; the message holds one `file:line: what` row each."""

    code = "invalid_goal_file"
    status = 422


class Refused(Invalid):
    """Whoever asks has shown no token or signature, or not the one that belongs to what is asked for (`status` 401), or
    is known and may not (403)."""

    code = "refused"

    def __init__(
        self, message: str, *, hint: str = "", details: dict[str, object] | None = None, status: int = 401
    ) -> None:
        super().__init__(message, hint=hint, details=details)
        self.status = status


class NotFound(PilothouseError):
    """Nothing carries this id, prefix or key."""

    code = "not_found"
    exit_code = ExitCode.NOT_FOUND
    status = 404


class ImageNotFound(NotFound):
    """The image is not on this machine."""

    code = "image_not_found"


class Conflict(PilothouseError):
    """Somebody was faster, or the state does not allow it. Nothing was written."""

    code = "conflict"
    exit_code = ExitCode.CONFLICT
    status = 409


class StaleVersion(Conflict):
    """The row moved on since it was read. Read it again and decide again."""

    code = "stale_version"


class IllegalMove(Conflict):
    """The transition table has no such move from the state that was met."""

    code = "illegal_move"


class EngineRunning(Conflict):
    """Another engine holds this project; the message names it. `passing`: it only visits, or has not said yet what it
    is; it lets go by itself, or says so."""

    code = "engine_running"

    def __init__(
        self, message: str, *, hint: str = "", details: dict[str, object] | None = None, passing: bool = False
    ) -> None:
        super().__init__(message, hint=hint, details=details)
        self.passing = passing


class NameTaken(Conflict):
    """A container of this name exists and does not carry our engine id."""

    code = "name_taken"


class Unreadable(Conflict):
    """A stored row is not what was written: it is listed as such, and nothing is done from it."""

    code = "unreadable"


class Unavailable(PilothouseError):
    """A part this needs does not answer."""

    code = "unavailable"
    exit_code = ExitCode.UNAVAILABLE
    status = 503


class StoreError(Unavailable):
    """The database refused or could not be read."""

    code = "store"


class EngineUnavailable(Unavailable):
    """No engine answers where one was expected."""

    code = "engine_unavailable"


class DaemonUnavailable(Unavailable):
    """No container daemon answers, or it refuses us."""

    code = "daemon_unavailable"


class OutcomeUnknown(Unavailable):
    """A call to the daemon passed its deadline: it may or may not have taken effect."""

    code = "outcome_unknown"
