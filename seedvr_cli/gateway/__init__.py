"""The hosted API over HTTP: submit, poll, fetch. The only place with httpx, beside the sandbox."""
