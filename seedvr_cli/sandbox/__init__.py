"""The sandbox: a gateway on this machine that speaks the contract and is not SeedVR2."""
