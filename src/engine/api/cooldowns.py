"""What an engine waits for beside its goals: providers that refuse for a while, and the next start of a schedule."""

from datetime import datetime

from engine.api.view import View


class Cooldown(View):
    """A provider at its rate limit: nothing starts on it before `until`."""

    provider: str
    until: datetime


class NextStart(View):
    """The schedule that starts next, and when."""

    schedule: str
    at: datetime
