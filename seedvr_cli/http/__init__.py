"""An HTTP/1.1 server for this package: the sandbox and `seedvr listen` answer through it."""
