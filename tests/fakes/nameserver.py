"""`python -m fakes.nameserver`: a name server on port 53 of every address, which knows the peer's name and any other."""

import socket

from fakes.jobs import BY_IPV4, BY_NAME
from fakes.resolver import ADDRESS, SAME_NAME, A, kind_of, labels, question_of, reply

TTL_S = 60


def main() -> None:
    """Answer for ever: each name has one IPv4 address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("", 53))
        while True:
            query, sender = sock.recvfrom(2048)
            peers = question_of(query).startswith(labels(BY_NAME))
            address = socket.inet_aton(BY_IPV4) if peers else ADDRESS
            known = kind_of(query) == A
            sock.sendto(reply(query, [(SAME_NAME, A, TTL_S, address)] if known else []), sender)


if __name__ == "__main__":
    main()
