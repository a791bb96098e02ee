"""How far back it may be asked about many lines at once, and how much is shown: for the command line and the desk."""

from typing import Final

DIRECTIONS: Final = ("down", "up", "round_trip")
DAYS_SHOWN: Final = 28  # of a line, if nobody asks for more
FLEET_DAYS: Final = 31
CELL_DAYS: Final = 31
LINE_DAYS: Final = 400
LEAST_N: Final = 10  # measurements that ran: with fewer a median says little of a cell
MOST: Final = 1000
MOST_SHOWN: Final = 100
