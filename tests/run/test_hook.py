"""What callers of the hook get, and what of it is taken."""

import asyncio

from seedvr_cli.http.connection import Request
from seedvr_cli.run.hook import _Hook
from seedvr_cli.values.callbacks import callback_address, new_claim

SECRET = "s3cret"


def test_what_was_said_whole_is_taken_though_the_caller_has_gone():
    """Who closes without waiting for the answer, as it may over TLS, has been heard."""

    class Calls:
        async def told(self, gateway, claim, request_id):
            begun.set()
            await go.wait()
            return type("Job", (), {"is_heard": False, "id": request_id})

    async def call():
        target = callback_address("http://a.example", new_claim("0" * 64), SECRET).removeprefix("http://a.example")
        hook = _Hook(Calls(), (SECRET,), "g", woken.append)
        answer = asyncio.ensure_future(hook.answer(Request("POST", target, {}, b'{"request_id": "r", "status": "X"}')))
        await begun.wait()
        answer.cancel()
        await asyncio.gather(answer, return_exceptions=True)
        go.set()
        await asyncio.gather(*hook._taking)

    begun, go, woken = asyncio.Event(), asyncio.Event(), []
    asyncio.run(call())
    assert [job.id for job in woken] == ["r"]
