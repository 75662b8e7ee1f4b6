"""The sandbox as a client, of sources and of webhooks: one httpx client, made when it is first needed."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx

# Seconds for each step of a request.
STEP_TIMEOUT = 10.0


class Outbound:
    """Holds the client for as long as the sandbox lives."""

    def __init__(self) -> None:
        self._client: httpx.AsyncClient | None = None

    def client(self) -> "httpx.AsyncClient":
        if self._client is None:
            import httpx

            # A proxy of the environment is for the outside, never for this machine.
            local = dict.fromkeys(("all://127.0.0.1", "all://localhost", "all://[::1]"))
            self._client = httpx.AsyncClient(follow_redirects=True, timeout=STEP_TIMEOUT, mounts=local)
        return self._client

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()
