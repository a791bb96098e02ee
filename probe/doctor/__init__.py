"""What stands between this device and good evidence, one line each, with what to do about it.

`device` looks at the machine, `line` at the network, `state` at what this device remembers; `visit` says in which order. Nothing
is changed, and only the collector and the peer are contacted.
"""
