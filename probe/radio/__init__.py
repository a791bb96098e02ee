"""What modems and phones tell of the mobile network, read without belief: strangers' JSON and XML in, plain data out. Pure."""
