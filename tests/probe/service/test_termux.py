"""A phone's scripts: a shell reads them, and after a new Python the service comes back by itself."""

import shutil
import stat
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from probe.service import apply, termux
from probe.service.plan import Here, NoService, Service

SH = shutil.which("sh")
# Without its packages until pip has worked; {works} says with how many of them it must be asked until then.
FAKE = """#!{sh}
echo "$*" | tr '\\n' ' ' >>{log}
echo >>{log}
case "$*" in
  *"-c "*) [ -e {log}.whole ] || exit {code} ;;
  *pip*) [ "$(grep -c pip {log})" -ge {works} ] || exit 1; touch {log}.whole ;;
esac
exit 0
"""

pytestmark = pytest.mark.skipif(SH is None, reason="no sh here")


@pytest.fixture
def phone(tmp_path: Path) -> Here:
    """Give a phone in a folder: a prefix, a home with a blank in it, a state that is enrolled."""
    prefix, home = tmp_path / "com.termux/files/usr", tmp_path / "com.termux/files/my home"
    state = home / ".local/share/speedproof/probe"
    (prefix / "bin").mkdir(parents=True)
    state.mkdir(parents=True)
    (state / "enrolled.json").touch()
    (prefix / "bin/sh").symlink_to(str(SH))
    return Here(
        platform="android",
        uid=10_123,
        home=home,
        state=state,
        python=prefix / "bin/python3.14",
        command=prefix / "bin/speedproof-probe",
        places=(),
        version="0.1.0",
        environ={"PREFIX": str(prefix), "TERMUX_VERSION": "0.119"},
    )


def put(phone: Here) -> Service:
    """Write the service's files down; runs nothing."""
    service = termux.service(phone)
    for file in service.files:
        apply._write(file)
    return service


def fake_python(phone: Here, code: int, works: int = 1) -> Path:
    """Stand in for Termux's Python: it writes its words down and ends as told; and for `sleep`, which takes no time."""
    log, programs = phone.home / "log", Path(phone.environ["PREFIX"]) / "bin"
    (programs / "python").write_text(FAKE.format(sh=SH, log=f"'{log}'", code=code, works=works))
    (programs / "sleep").write_text(f"#!{SH}\necho sleep $1 >>'{log}'\n")
    for name in ("python", "sleep"):
        (programs / name).chmod(0o700)
    return log


def ran(phone: Here, log: Path) -> list[str]:
    """Run the service's script; what it asked for, in order."""
    run = Path(put(phone).files[0].path)
    environ = {"PATH": f"{phone.environ['PREFIX']}/bin:/usr/bin:/bin"}
    subprocess.run([str(run)], check=True, capture_output=True, cwd="/", env=environ)
    return [line.strip() for line in log.read_text().splitlines()]


def test_scripts_are_scripts(phone: Here) -> None:
    """A shell reads every file without complaint, and its owner alone may run it."""
    for file in put(phone).files:
        path = Path(file.path)
        assert subprocess.run([str(SH), "-n", str(path)], check=False, capture_output=True).stderr == b""
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
        assert path.read_text().startswith(f"#!{phone.environ['PREFIX']}/bin/sh\n")


def test_files_stand_where_runit_and_boot_look(phone: Here) -> None:
    """The service is a runit folder under PREFIX with a log of its own; Termux:Boot has one script."""
    names = {str(Path(file.path).relative_to(phone.home.parent)) for file in termux.service(phone).files}
    assert names == {
        "usr/var/service/speedproof/run",
        "usr/var/service/speedproof/finish",
        "usr/var/service/speedproof/log/run",
        "my home/.termux/boot/speedproof",
    }


PIP = "-m pip install --disable-pip-version-check --only-binary=:all:"


@pytest.mark.parametrize(("code", "steps"), [(0, ["-c", "run"]), (3, ["-c", "pip", "-c", "run"]), (1, ["-c", "run"])])
def test_a_new_python_gets_the_probe_again(phone: Here, code: int, steps: list[str]) -> None:
    """Only where a package is missing is the same version installed anew, without a compiler; then the probe runs."""
    calls = ran(phone, fake_python(phone, code))
    assert len(calls) == len(steps)
    assert calls[0].startswith("-P -c ")
    assert calls[-1].split(" run ")[1] == f"--state {phone.state}"
    if "pip" in steps:
        assert calls[1] == f"{PIP} speedproof==0.1.0"


def test_kept_wheels_come_before_an_index(phone: Here) -> None:
    """Where wheels were kept nothing else is asked; what is not among them comes from the index, at the next call."""
    (phone.state / "wheels").mkdir()
    log = fake_python(phone, 3, works=2)
    asked = [line for line in ran(phone, log) if "pip" in line]
    links = f"--find-links {phone.state}/wheels speedproof==0.1.0"
    assert asked == [f"{PIP} --no-index {links}", f"{PIP} {links}"]


def test_without_a_network_it_tries_again_ever_later(phone: Here) -> None:
    """A phone that cannot install now measures with no half a probe; its pauses double, from a minute to an hour."""
    calls = ran(phone, fake_python(phone, 3, works=9))
    pauses = [int(line.split()[1]) for line in calls if line.startswith("sleep")]
    assert pauses == [60, 120, 240, 480, 960, 1920, 3600, 3600]
    assert sum(" run " in line for line in calls) == 1


def test_a_pip_that_mends_nothing_is_no_tight_loop(phone: Here) -> None:
    """A package that is missing although pip found all well is waited for as well."""
    log = fake_python(phone, 3, works=3)
    python = Path(phone.environ["PREFIX"]) / "bin/python"
    python.write_text(python.read_text().replace("|| exit 1; touch", "&& touch"))
    assert sum(line.startswith("sleep") for line in ran(phone, log)) == 2


def test_wheels_are_kept(phone: Here) -> None:
    """What the probe was installed from is copied into the state for its owner, and goes with the service."""
    source = phone.home / "download/speedproof-0.1.0-py3-none-any.whl"
    source.parent.mkdir()
    source.write_bytes(b"wheel")
    with_wheel = replace(phone, wheels=(source, phone.home / "gone-1.whl"))
    (trouble,) = apply.install(replace(termux.service(with_wheel), start=(), needs=()), lambda _: None)
    assert "gone-1.whl" in trouble
    kept = phone.state / "wheels" / source.name
    assert (kept.read_bytes(), stat.S_IMODE(kept.stat().st_mode)) == (b"wheel", 0o600)
    again = termux.service(replace(phone, wheels=(kept,)))
    assert apply.install(replace(again, start=(), needs=()), lambda _: None) == []
    assert kept.read_bytes() == b"wheel"
    apply.remove(again, lambda _: None)
    assert not kept.exists()


def test_import_check_tells_a_missing_package_from_other_faults(phone: Here) -> None:
    """What the script asks Python ends with 3 where a package is missing, and with 0 in this environment."""
    text = put(phone).files[0].content.decode()
    program = text.split("-c '")[1].split("'\n")[0]
    assert "ImportError" in program
    assert "sys.exit(3)" in program
    compile(program, "run", "exec")


def test_an_end_by_itself_is_not_followed_at_once(phone: Here) -> None:
    """After a failure runit waits ten seconds; after a stop on request it does not."""
    finish = Path(put(phone).files[1].path)
    assert '[ "$1" = 0 ] || sleep 10' in finish.read_text()
    subprocess.run([str(finish), "0", "0"], check=True, timeout=5)


def test_boot_holds_the_phone_awake_and_starts_services(phone: Here) -> None:
    """At boot a wake lock comes first, then termux-services."""
    lines = put(phone).files[3].content.decode().splitlines()
    assert lines[2:] == ["termux-wake-lock", f". {phone.environ['PREFIX']}/etc/profile.d/start-services.sh"]


def test_a_python_of_its_own_is_kept(phone: Here) -> None:
    """A probe in an environment of its own is started from there, not from Termux's Python."""
    own = Here(**{name: getattr(phone, name) for name in Here.__slots__} | {"python": Path("/x/venv/bin/python")})
    assert "exec /x/venv/bin/python -P -m probe run" in termux.service(own).files[0].content.decode()


def test_without_termux_there_is_no_service(phone: Here) -> None:
    """Outside Termux nothing is guessed."""
    bare = Here(**{name: getattr(phone, name) for name in Here.__slots__} | {"environ": {}})
    with pytest.raises(NoService, match="PREFIX"):
        termux.service(bare)


@pytest.mark.parametrize(
    ("environ", "is_one"),
    [
        ({"TERMUX_VERSION": "0.119"}, True),
        ({"PREFIX": "/data/data/com.termux/files/usr"}, True),
        ({"PREFIX": "/usr"}, False),
    ],
)
def test_termux_is_known(environ: dict[str, str], is_one: bool) -> None:
    """Termux is known by what it sets, whatever its Python calls the platform."""
    assert termux.is_termux(environ) is is_one


def test_removal_takes_the_supervisors_files_too(phone: Here) -> None:
    """What runit leaves in the service's folder goes with it, and the state stays."""
    service = put(phone)
    folder = Path(phone.environ["PREFIX"]) / "var/service/speedproof"
    (folder / "supervise").mkdir()
    (folder / "supervise/lock").touch()
    apply.remove(service, lambda _: None)
    assert not folder.exists()
    assert (phone.state / "enrolled.json").exists()
