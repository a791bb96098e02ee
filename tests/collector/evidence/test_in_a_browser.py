"""`verify.html` as its reader has it: opened from the evidence zip in Chromium, from a file, without a network."""

import itertools
import json
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import pytest
from fakes.browsing import NEEDS_CHROMIUM
from fakes.case import Case
from fakes.driven import Tab, tab
from fakes.scripted import ELSEWHERE

from collector.evidence.check import STEPS, check_evidence
from shared.keys import FileKey

pytestmark = [*NEEDS_CHROMIUM, pytest.mark.threat("T19")]
Zip = Callable[[Mapping[str, bytes]], bytes]
NUMBERS = itertools.count()
STEPS_ON_PAGE = """[...document.querySelectorAll("#steps li")].map((item) => [
  item.className, item.querySelector("strong").textContent, item.querySelector(".detail").textContent])"""
NO_ED25519 = """
  const real = crypto.subtle.importKey.bind(crypto.subtle);
  crypto.subtle.importKey = async (format, data, kind, ...rest) => {
    if (kind.name === "Ed25519") throw new DOMException("Unrecognized name.", "NotSupportedError");
    return real(format, data, kind, ...rest);
  };"""


@pytest.fixture
async def page(case: Case, tmp_path: Path) -> AsyncIterator[Tab]:
    """The page out of the evidence file, opened."""
    async with tab(tmp_path) as made:
        yield await opened(made, case, tmp_path)


async def opened(made: Tab, case: Case, folder: Path) -> Tab:
    """Open the page that is in the evidence."""
    file = folder / "verify.html"
    file.write_bytes(case.files["verify.html"])
    await made.open(file.as_uri())
    return made


async def check(page: Tab, folder: Path, zipped: bytes) -> list[tuple[str, str, str]]:
    """Give the page a file; the steps as it shows them."""
    file = folder / f"evidence-{next(NUMBERS)}.zip"  # one chosen before would change nothing
    file.write_bytes(zipped)
    await page.ask("document.getElementById('answer').hidden = true")
    await page.give("#file", file)
    await page.until("!document.getElementById('answer').hidden")
    return [(state, name, detail) for state, name, detail in await page.ask(STEPS_ON_PAGE)]


async def typed(page: Tab, **fields: str) -> None:
    """Type into fields, and press the button."""
    for name, text in fields.items():
        await page.ask(f"document.getElementById('{name}').value = {json.dumps(text)}")
    await page.ask("document.getElementById('answer').hidden = true; document.getElementById('check').click()")
    await page.until("!document.getElementById('answer').hidden")


async def text(page: Tab, name: str) -> str:
    """What an element shows."""
    return str(await page.ask(f"document.getElementById('{name}').innerText"))


async def test_real_evidence_offline(case: Case, page: Tab, tmp_path: Path) -> None:
    """Every step holds, in the words of the program; nothing but the page itself was asked for, and nothing went wrong."""
    shown = await check(page, tmp_path, case.zipped)
    steps = check_evidence(case.files)
    unknown = {name for state, name, detail in shown if detail == ELSEWHERE}
    told = {f"{step.no} {step.name}": step for step in steps}
    assert [name for _, name, _ in shown] == list(told)
    for state, name, detail in shown:
        if name not in unknown:
            assert (state, detail) == ("unchecked" if told[name].name == "kept" else "holds", told[name].detail)
    held, left = len(steps) - len(unknown) - 1, ", ".join(name for state, name, _ in shown if state == "unchecked")
    assert await text(page, "sentence") == f"{held} of {len(steps)} steps were checked and hold; not checked: {left}."
    assert "fits together" in await text(page, "beside")
    assert await page.ask("document.getElementById('answer').className") == ("unchecked" if unknown else "fits")
    assert page.asked == [(tmp_path / "verify.html").as_uri()]
    assert page.errors == []


async def test_what_the_reader_knows(case: Case, page: Tab, tmp_path: Path) -> None:
    """Keys that he typed are those he was told; other keys fail their steps; what is no key is said to be none."""
    await check(page, tmp_path, case.zipped)
    collector, vkey = case.services.collector_key.public.key_id, case.services.log_key.public.vkey
    await typed(page, collector=f" {collector}\n", vkey=vkey)
    assert await page.ask("document.getElementById('answer').className") in ("holds", "unchecked")
    assert (await text(page, "steps")).count("(as you were told)") == 2
    await typed(page, collector=FileKey.generate().public.key_id)
    assert "does not hold: step 3, collector" in await text(page, "sentence")
    await typed(page, collector=collector, witnesses=vkey + "A")
    assert "What you typed cannot be read" in await text(page, "sentence")
    await typed(page, collector="secret", witnesses="")
    assert "64 digits" in await text(page, "sentence")


async def test_the_case_is_shown_behind_the_signature_only(case: Case, page: Tab, tmp_path: Path, zip_of: Zip) -> None:
    """What the file says is shown where the collector's signature holds, as text whatever it is, and else not at all."""
    await check(page, tmp_path, case.zipped)
    assert "insufficient evidence, by the rule cz-mobile-cert" in await text(page, "facts")
    assert "3 ok, 3 failed" in await text(page, "facts")
    await check(page, tmp_path, zip_of(case.signed_anew(case.files, FileKey.generate())))
    assert not await page.ask("document.getElementById('summary').offsetParent")
    told = json.loads(case.files["case.json"])
    told["complaints"][0]["text"] = "<img src=x onerror=alert(1)><script>alert(2)</script>"
    await check(page, tmp_path, zip_of(case.signed_anew(case.files | {"case.json": json.dumps(told).encode()})))
    assert "<img src=x onerror=alert(1)>" in await text(page, "facts")
    assert await page.ask("document.querySelectorAll('img, #answer script').length") == 0
    assert page.errors == []


async def test_flipped_bytes(case: Case, page: Tab, tmp_path: Path, zip_of: Zip) -> None:
    """A byte flipped in each kind of member, under the old manifest or one made to fit, fails at the program's step."""
    kinds = {name.rpartition("/")[0] or name: name for name in case.files}
    for name in kinds.values():
        data = case.files[name]
        changed = case.files | {
            name: data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 1]) + data[len(data) // 2 + 1 :]
        }
        for files in (changed,) if name.startswith("manifest") else (changed, case.signed_anew(changed)):
            shown = await check(page, tmp_path, zip_of(files))
            last = check_evidence(files)[-1]
            failed = [one[1] for one in shown if one[0] == "fails"]
            assert failed == ([] if last.holds else [f"{last.no} {last.name}"]), name
    assert page.errors == []


async def test_what_is_no_evidence(page: Tab, tmp_path: Path, zip_of: Zip) -> None:
    """Anything else is said to be no evidence file, and no step is shown."""
    for data in (
        b"",
        b"signed, honestly",
        zip_of({"a": b"b"}),
        zip_of({"../manifest.json": b"{}"}),
        zip_of({"manifest.json": b"{}"}),
    ):
        assert await check(page, tmp_path, data) == []
        assert (await text(page, "sentence")).startswith("This is not an evidence file: ")
    assert page.errors == []


async def test_a_browser_without_ed25519(case: Case, tmp_path: Path) -> None:
    """Where the log's signature cannot be checked, the step is not passed but named; a failure before it is still one."""
    async with tab(tmp_path) as made:
        await made.before(NO_ED25519)
        page = await opened(made, case, tmp_path)
        shown = await check(page, tmp_path, case.zipped)
        (log,) = [one for one in shown if one[1].endswith(" log")]
        assert log[0] == "unchecked"
        assert "does not know Ed25519" in log[2]
        assert f"not checked: {STEPS.index('log') + 1} log, " in await text(page, "sentence")
        assert await page.ask("document.getElementById('answer').className") == "unchecked"


async def test_a_page_without_cryptography(case: Case, tmp_path: Path) -> None:
    """Where the browser gives none, as over plain HTTP, nothing that rests on a signature holds."""
    async with tab(tmp_path) as made:
        await made.before("Object.defineProperty(Crypto.prototype, 'subtle', { get: () => undefined })")
        page = await opened(made, case, tmp_path)
        shown = await check(page, tmp_path, case.zipped)
        assert [state for state, _, _ in shown] == ["holds"] * 2 + ["unchecked"] * (len(STEPS) - 2)
        assert not await page.ask("document.getElementById('summary').offsetParent")


async def test_a_file_is_dropped(case: Case, page: Tab) -> None:
    """A file dropped anywhere on the page is checked, and does not take the page's place."""
    await page.ask(
        f"""(() => {{
          const carried = new DataTransfer();
          const data = Uint8Array.from({[*case.zipped]});
          carried.items.add(new File([data], "evidence.zip"));
          document.body.dispatchEvent(new DragEvent("drop", {{ bubbles: true, cancelable: true, dataTransfer: carried }}));
        }})()"""
    )
    await page.until("!document.getElementById('answer').hidden")
    assert "steps were checked and hold" in await text(page, "sentence")


@pytest.mark.parametrize("width", [360, 768, 1200])
async def test_nothing_overflows(case: Case, page: Tab, tmp_path: Path, zip_of: Zip, width: int) -> None:
    """On a phone, a tablet and a desk nothing reaches beyond the edge, the answer and the fields for keys included."""
    await page.widen(width)
    told = json.loads(case.files["case.json"])
    told["complaints"][0]["text"] = (
        "Donaudampfschifffahrtselektrizitaetenhauptbetriebswerkbauunterbeamtengesellschaft" * 2
    )
    await check(page, tmp_path, zip_of(case.signed_anew(case.files | {"case.json": json.dumps(told).encode()})))
    await page.ask("document.getElementById('told').open = true")
    over = f"[...document.querySelectorAll('body *')].filter((one) => one.getBoundingClientRect().right > {width} + 0.5).length"
    assert await page.ask(f"[document.documentElement.scrollWidth, {over}]") == [width, 0]
    for is_dark in (False, True):
        assert len(await page.look(width, is_dark=is_dark)) > 30_000
