"""The catalogue is whole and consistent."""

from importlib import import_module

from probe.catalogue import CATALOGUE, METHODS


def test_every_method_is_there() -> None:
    """Names are unique, in the order in which they are run."""
    names = ["latency", "download", "upload", "fetch", "dns", "path", "ookla", "loaded_latency", "reach"]
    assert [method.name for method in CATALOGUE] == names
    assert list(METHODS) == [method.name for method in CATALOGUE]


def test_every_row_is_that_of_its_modules() -> None:
    """What a row says without loading anything is what its core and its shell say."""
    for method in CATALOGUE:
        core = import_module(f"probe.measure.{method.name}")
        assert (method.name, method.version) == (core.NAME, core.VERSION)
        assert set(method.plan_names) == set(method.plans)
        assert method.run is import_module(f"probe.net.{method.name}").run


def test_every_plan_has_its_own_name_and_a_cost() -> None:
    """A plan is found under its name and says what it may cost."""
    for method in CATALOGUE:
        assert method.version >= 1
        assert method.ways
        for name, plan in method.plans.items():
            assert plan.name == name
            assert method.cost_bytes(name) == plan.cost_bytes > 0


def test_heavier_plans_cost_more() -> None:
    """A quick transfer is cheaper than a standard one."""
    assert METHODS["download"].cost_bytes("tiny") < METHODS["download"].cost_bytes("quick") < 40_000_000
    assert METHODS["upload"].cost_bytes("standard") < 300_000_000
