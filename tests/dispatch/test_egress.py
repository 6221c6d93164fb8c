"""What a run reaches outside: what its task lists, by the address that was checked, and nothing inside (F152, R111)."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from contacts import contacts, dial, reaching, tried
from near import BODY, World
from scripted import Bench, goal_file
from voices import Voice, heard_again, voices

from engine.api import ContactView
from engine.api.edits import AddTasks
from engine.dispatch.egress import contacts as rooms
from engine.dispatch.egress import tunnel
from engine.dispatch.egress.judging import MOST_HOSTS

Opened = Callable[..., Awaitable[Bench]]


@pytest.fixture
async def bench(opened: Opened, outside: World) -> Bench:
    return await opened(undo_window=0, reach=outside.reach)


async def test_f152_what_is_listed_is_carried_both_ways_and_counted(bench: Bench, outside: World) -> None:
    to = f"web.test:{outside.port}"
    (one,) = await reaching(bench, to)
    async with dial(one, to) as line:
        assert await line.status() == 200
        assert (await line.get()).endswith(BODY)
    await outside.gone.wait()
    (contact,) = await counted(bench, one)
    assert (contact.to, contact.verdict, contact.reason) == (to, "allowed", "its task lists it")
    assert (contact.tries, contact.refused) == (1, 0)
    assert contact.bytes_up == len(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert contact.bytes_down > len(BODY)


async def counted(bench: Bench, voice: Voice) -> list[ContactView]:
    """Its contacts once the bytes of one are stored: that happens as its connection ends."""
    async with asyncio.timeout(10):
        while not any(contact.bytes_down for contact in await contacts(bench, voice)):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return await contacts(bench, voice)


async def test_f152_one_side_may_end_while_the_other_goes_on(bench: Bench, outside: World) -> None:
    (one,) = await reaching(bench, f"web.test:{outside.port}")
    sent = b"x" * 3_000_000
    async with dial(one, f"web.test:{outside.port}") as line:
        assert await line.status() == 200

        async def send() -> None:
            line.writer.write(b"echo\n" + sent)
            await line.writer.drain()
            line.writer.write_eof()

        async with asyncio.TaskGroup() as group:
            group.create_task(send())
            back = group.create_task(line.rest())
        assert back.result() == sent + b"end"


async def test_f152_no_more_is_taken_than_the_sandbox_reads(bench: Bench, outside: World) -> None:
    (one,) = await reaching(bench, f"web.test:{outside.port}")
    async with dial(one, f"web.test:{outside.port}") as line:
        assert await line.status() == 200
        line.writer.write(b"flood\n")
        before = -1
        async with asyncio.timeout(10):
            while outside.sent != before or not before:
                before = outside.sent
                await asyncio.sleep(0.2)
        assert before < 32 * 1024**2, "what lies in the buffers of the sockets"
        assert not any(await line.reader.readexactly(before))
    await outside.gone.wait()


async def test_f152_what_is_not_listed_is_refused_kept_and_told_once(bench: Bench, outside: World) -> None:
    (one,) = await reaching(bench, f"web.test:{outside.port}")
    to = f"other.test:{outside.port}"
    for _ in range(3):
        assert await tried(one, to) == (403, f"{to} is refused: its task does not list it")
    assert (await tried(one, "web.test:1"))[0] == 403, "another port of the same host"
    assert (await tried(one, f"deeper.web.test:{outside.port}"))[0] == 403
    assert outside.looked_up == [], "a name that is refused is not looked up"
    kept = {contact.to: (contact.verdict, contact.tries, contact.refused) for contact in await contacts(bench, one)}
    assert kept[to] == ("refused", 3, 3)
    told = [event.data["to"] for event in await bench.events() if event.type == "sandbox.egress"]
    assert told == [to, "web.test:1", f"deeper.web.test:{outside.port}"]
    why = await bench.engine.why(one.env["PILOTHOUSE_TASK"])
    assert f"was kept from {to} (3 times): its task does not list it" in why.reasons


async def test_f152_without_egress_no_task_reaches_anything(bench: Bench, outside: World) -> None:
    _, (one,) = await voices(bench, "one")
    status, words = await tried(one, f"web.test:{outside.port}")
    assert (status, words.split(": ")[1]) == (403, "the network of its task is none")


async def test_r111_only_the_runs_own_token_opens_a_way(bench: Bench, outside: World) -> None:
    to = f"web.test:{outside.port}"
    one, two = await reaching(bench, to, keys=("one", "two"))
    for token, expected in (("", 401), ("pht_made_up", 401), (two.env["PILOTHOUSE_TOKEN"], 403)):
        async with dial(one, to, token=token) as line:
            assert await line.status() == expected
    assert await contacts(bench, one) == []


@pytest.mark.parametrize(
    ("inside", "what"),
    [
        ("10.0.0.8", "private"), ("127.0.0.2", "loopback"), ("169.254.169.254", "metadata"),
        ("fd00:ec2::254", "metadata"), ("::ffff:7f00:1", "dress"), ("64:ff9b::7f00:1", "translator"),
        ("127.0.0.1 100.64.0.1", "provider"),
    ],
)  # fmt: skip
async def test_case_38_a_listed_name_that_stands_for_something_inside_is_refused(
    bench: Bench, outside: World, inside: str, what: str
) -> None:
    outside.names["web.test"] = inside.split()
    (one,) = await reaching(bench, f"web.test:{outside.port}")
    status, words = await tried(one, f"web.test:{outside.port}")
    assert status == 403
    assert what in words
    (contact,) = await contacts(bench, one)
    assert contact.verdict == "refused"
    assert outside.open == 0


@pytest.mark.parametrize("address", ["10.0.0.8:80", "127.0.0.2:80", "169.254.169.254:80", "[::ffff:127.0.0.1]:80"])
async def test_case_38_an_address_inside_is_refused_and_nobody_is_asked(bench: Bench, address: str) -> None:
    (one,) = await reaching(bench, ask=True)
    assert (await tried(one, address))[0] == 403
    assert await bench.engine.decisions() == []


async def test_a_name_keeps_its_address_for_the_run_over_a_restart_too(opened: Opened, outside: World) -> None:
    bench = await opened(reach=outside.reach)
    to = f"web.test:{outside.port}"
    (one,) = await reaching(bench, to)
    assert (await tried(one, to))[0] == 200
    outside.names["web.test"] = ["127.0.0.9"]
    assert (await tried(one, to))[0] == 200
    await bench.engine.close()
    again = await opened(reach=outside.reach)
    await heard_again(again, one)
    assert (await tried(one, to))[0] == 200
    assert outside.looked_up == ["web.test"]


async def test_a_name_that_is_not_found_and_a_host_that_does_not_answer_are_told(bench: Bench, outside: World) -> None:
    (one,) = await reaching(bench, "gone.test:80", "web.test:1")
    status, words = await tried(one, "gone.test:80")
    assert (status, words) == (502, "gone.test is not found: [Errno -2] Name or service not known")
    status, words = await tried(one, "web.test:1")
    assert status == 502
    assert words.startswith("web.test:1 cannot be reached")
    outside.names["gone.test"] = ["127.0.0.1"]
    assert (await tried(one, "gone.test:80"))[1].startswith("gone.test:80 cannot be reached"), "it is looked up again"


async def test_bytes_before_the_answer_and_a_target_that_is_none_are_refused(bench: Bench, outside: World) -> None:
    to = f"web.test:{outside.port}"
    (one,) = await reaching(bench, to)
    async with dial(one, to, early=b"GET / HTTP/1.1\r\n\r\n") as line:
        assert await line.refused() == (400, "send nothing before the connection is said to be established")
    assert (await tried(one, "/sandbox/v1/status"))[0] == 400
    assert (await tried(one, "127.1:80"))[0] == 400
    assert outside.open == 0


async def test_a_secret_of_the_run_does_not_leave_in_a_name(bench: Bench, outside: World) -> None:
    (one,) = await reaching(bench, ask=True)
    status, words = await tried(one, f"ghp_{'a1B2c3' * 6}.evil.test:443")
    assert (status, words) == (403, "a host's name that holds a secret is neither looked up nor reached")
    assert await contacts(bench, one) == []
    assert outside.looked_up == []


async def test_r97_the_end_of_a_run_ends_its_contacts(bench: Bench, outside: World) -> None:
    to = f"web.test:{outside.port}"
    (one,) = await reaching(bench, to)
    async with dial(one, to) as line:
        assert await line.status() == 200
        line.writer.write(b"echo\nmore")
        assert await line.reader.readexactly(4) == b"more"
        await bench.engine.cancel(one.env["PILOTHOUSE_TASK"])
        assert await line.rest() == b""
        await outside.gone.wait()
    (contact,) = await counted(bench, one)
    assert (contact.bytes_up, contact.bytes_down) == (9, 4)


async def test_one_run_has_so_many_contacts_at_once_and_words_besides(
    bench: Bench, outside: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rooms, "MOST_AT_ONCE", 2)
    to = f"web.test:{outside.port}"
    (one,) = await reaching(bench, to)
    async with dial(one, to) as first, dial(one, to) as second:
        assert (await first.status(), await second.status()) == (200, 200)
        assert (await tried(one, to))[0] == 429
        await one.post("heartbeat")
        first.writer.write(b"echo\n")
        first.writer.write_eof()
        assert await first.rest() == b"end"
    async with asyncio.timeout(10):
        while (await tried(one, to))[0] == 429:  # noqa: ASYNC110  # it hears a moment later that both have gone
            await asyncio.sleep(0.01)
    assert (await tried(one, to))[0] == 200


async def test_a_run_tries_so_many_hosts_and_the_rest_is_counted_together(
    bench: Bench, outside: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.dispatch.egress.judging.MOST_HOSTS", 3)
    assert MOST_HOSTS == 200
    (one,) = await reaching(bench, f"web.test:{outside.port}")
    assert (await tried(one, f"web.test:{outside.port}"))[0] == 200
    for n in range(6):
        assert (await tried(one, f"h{n}.test:80"))[0] == 403
    kept = {contact.host: contact.tries for contact in await contacts(bench, one)}
    assert kept == {"web.test": 1, "h0.test": 1, "h1.test": 1, "(others)": 4}
    assert (await tried(one, f"web.test:{outside.port}"))[0] == 200, "what is known already goes on"
    assert len([event for event in await bench.events() if event.type == "sandbox.egress"]) == 4


async def test_a_contact_without_a_byte_ends(bench: Bench, outside: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tunnel, "IDLE_LIMIT", 0.2)
    (one,) = await reaching(bench, f"web.test:{outside.port}")
    async with dial(one, f"web.test:{outside.port}") as line:
        assert await line.status() == 200
        assert await line.rest() == b""
    await outside.gone.wait()


async def test_where_the_network_cannot_be_cut_a_list_is_refused_in_words(bench: Bench) -> None:
    from engine.errors import Invalid

    bench.driver.cuts_network = False
    with pytest.raises(Invalid, match="would keep the whole network"):
        await bench.goal(goal_file({"id": "a", "run": "exit 0", "sandbox": {"network": "egress", "egress": ["a.b:1"]}}))
    assert (await bench.engine.status()).goals == ()
    goal = await bench.goal(goal_file({"id": "a", "run": "hang"}))
    more = "tasks: [{id: b, run: exit 0, sandbox: {network: egress, ask: true}}]"
    with pytest.raises(Invalid, match="would keep the whole network"):
        await bench.engine.add_tasks(goal.id, AddTasks(source=more, path="/more.yaml"))


async def test_f152_the_command_starts_beside_the_proxy_and_its_environment_names_it(bench: Bench) -> None:
    (one,) = await reaching(bench, "web.test:443")
    spec = bench.driver.specs[-1]
    assert spec.argv[:4] == (f"{spec.programs}/ph", "proxy", "--port", "18118")
    assert spec.argv[4:] == ("--", "sh", "-c", "hang one")
    assert spec.network == "egress"
    for name in ("HTTP_PROXY", "https_proxy", "ALL_PROXY"):
        assert one.env[name] == "http://127.0.0.1:18118"
    assert one.env["no_proxy"] == one.env["NO_PROXY"] == "localhost,127.0.0.1,::1"
