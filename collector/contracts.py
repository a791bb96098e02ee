"""What may be said of a line when it is added: its speeds, its area, and the rule it is judged by if none is named."""

from typing import Final

DEFAULT_CRITERION: Final = "cz-mobile-cert"
SPEEDS: Final = ("max_bps", "normal_bps", "min_bps", "advertised_bps", "estimated_max_bps", "required_bps")
AREAS: Final = ("urban", "semi_urban", "rural")
