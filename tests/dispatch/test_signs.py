"""What counts as life (R49): output, heartbeat and actions; a run that waits is never silent."""

from datetime import UTC, datetime

from engine.dispatch.stalls.signs import Sign, Signs


class Watch:
    """Monotonic time as a test says it is."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("signs never sleep")


def test_r49_each_sign_of_life_is_heard_once_and_kept_with_its_time() -> None:
    watch = Watch()
    signs = Signs(watch)
    assert not signs.heard()
    for n, sign in enumerate(Sign):
        watch.seconds = 110.0 + n
        signs.show(sign)
        assert signs.heard()
        assert not signs.heard()
    assert signs.shown == {Sign.OUTPUT: 110.0, Sign.HEARTBEAT: 111.0, Sign.ACTION: 112.0}


def test_r49_waiting_for_a_decision_a_lease_or_a_cooldown_is_not_silence() -> None:
    signs = Signs(Watch())
    for who in ("decision", "lease", "cooldown"):
        signs.wait(who, f"a {who}")
    for who in ("decision", "lease", "cooldown"):
        assert signs.heard()
        assert signs.heard()
        signs.go_on(who)
    assert signs.heard(), "the end of a wait is a sign itself"
    assert not signs.heard()


def test_r50_the_same_action_again_is_counted_and_another_one_starts_anew() -> None:
    signs = Signs(Watch())
    for action in ("edit a", "edit a", "edit a", "run tests"):
        signs.act(action)
    assert (signs.action, signs.repeats) == ("run tests", 1)
    signs.act("run tests")
    assert signs.repeats == 2
