"""Settings that are saved while a screen is open reach it (R130)."""

from pathlib import Path

from engine.events import EventType
from engine.settings import Settings, SettingsSource
from tui.app import make_app
from tui.messages import Link
from ui.frozen import NOON
from ui.scenes import shop
from ui.steering import NARROW, Seat


async def test_theme_keys_and_ringing_are_taken_over_and_a_bad_theme_is_said(project: Path) -> None:
    engine, file = shop(), project / "pilothouse.toml"
    source = SettingsSource(file, {})
    app = make_app(engine, settings=Settings(), now=lambda: NOON, blink=False, reread=source.load)
    async with app.run_test(size=NARROW) as pilot:
        seat = Seat(app, pilot, engine)
        await seat.until(lambda: app.overview.link is Link.LIVE)
        file.write_text('[ui]\ntheme = "nord"\nkeymap = {"goals.why" = "f9"}\n[notify]\nbell = false\n')
        engine.push(EventType.ENGINE_SETTINGS, changes={"ui.theme": "nord"}, restart=[], by="files")
        await seat.until(lambda: app.theme == "nord")
        assert app.chosen_keys == {"goals.why": "f9"}
        assert not app.caller.settings.bell
        file.write_text('[ui]\ntheme = "no-such"\n')
        engine.push(EventType.ENGINE_SETTINGS, changes={"ui.theme": "no-such"}, restart=[], by="files")
        await seat.until(lambda: "no theme is called 'no-such'" in seat.toasts)
        assert app.theme == "nord"
        assert app.caller.settings.bell
