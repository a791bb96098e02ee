"""What had arrived of all flows together at moments `GRID_US` apart, interpolated between each flow's samples. Pure."""

from dataclasses import dataclass, field

from probe.measure.samples import Samples
from probe.measure.steady import GRID_US


@dataclass(slots=True)
class Grid:
    """Bytes so far at 0, 1, 2 … steps, as far as every flow has been counted."""

    points: list[int] = field(default_factory=lambda: [0])
    _places: list[int] = field(default_factory=list)

    def advance(self, flows: list[Samples]) -> bool:
        """Take over what the flows' samples now reach; whether that was anything new."""
        before = len(self.points)
        self._places += [0] * (len(flows) - len(self._places))
        end_us = min((flow.t_us[-1] if flow.t_us else 0 for flow in flows), default=0)
        while len(self.points) * GRID_US <= end_us:
            at_us = len(self.points) * GRID_US
            self.points.append(sum(self._at(number, flow, at_us) for number, flow in enumerate(flows)))
        return len(self.points) > before

    def _at(self, number: int, flow: Samples, at_us: int) -> int:
        """The flow's count at a moment that is not before the ones asked for earlier."""
        place = self._places[number]
        while place < len(flow.t_us) and flow.t_us[place] < at_us:
            place += 1
        self._places[number] = place
        if place == len(flow.t_us):
            return flow.counts[-1] + flow.held[-1] if flow.t_us else 0
        late_us, late = flow.t_us[place], flow.counts[place] + flow.held[place]
        early_us, early = (flow.t_us[place - 1], flow.counts[place - 1] + flow.held[place - 1]) if place else (0, 0)
        if late_us <= early_us:
            return late
        return early + (at_us - early_us) * (late - early) // (late_us - early_us)
