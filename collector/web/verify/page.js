// The page: files and keys in, steps out. Whatever stands in a file becomes text on the page, never a part of it.

const SIGNS = { holds: "✓", fails: "✕", unchecked: "?", "not reached": "–" };
const WORDS = { holds: "holds", fails: "does not hold", unchecked: "not checked", "not reached": "not reached" };
const VERDICTS = {
  substantiated: "substantiated", not_substantiated: "not substantiated", insufficient_evidence: "insufficient evidence", facts_only: "facts only",
};
const MOST_SHOWN = 8; // devices and complaints in the summary

function startPage(page) {
  const at = (id) => page.getElementById(id);
  const drop = at("drop"), file = at("file"), button = at("check");
  let chosen = null, runs = 0;

  const choose = (found) => {
    chosen = found ?? null;
    button.disabled = !chosen;
    at("chosen").textContent = chosen ? sizeInWords(chosen.size) : "";
    if (chosen) run();
  };
  file.addEventListener("change", () => choose(file.files[0]));
  for (const name of ["dragover", "dragleave", "drop"]) {
    page.addEventListener(name, (event) => {
      event.preventDefault(); // a file that misses the field must not take the place of the page
      drop.classList.toggle("over", name === "dragover");
      if (name !== "drop" || !event.dataTransfer.files.length) return;
      file.files = event.dataTransfer.files;
      choose(file.files[0]);
    });
  }
  at("asked").addEventListener("submit", (event) => {
    event.preventDefault();
    if (chosen) run();
  });

  async function run() {
    const own = ++runs; // a newer file or key makes what is under way void
    const isOld = () => own !== runs;
    const bar = at("bar");
    at("answer").hidden = at("summary").hidden = true;
    at("progress").textContent = "";
    try {
      const trust = trustOf({ collector: at("collector").value, vkey: at("vkey").value, witnesses: at("witnesses").value, quorum: at("quorum").value });
      const report = async (words, done, total) => {
        if (isOld()) throw new Stopped();
        at("progress").textContent = words;
        bar.hidden = false;
        if (total) bar.value = done / total;
        else bar.removeAttribute("value");
        await new Promise((resume) => setTimeout(resume, 0));
      };
      const told = throttled(report);
      await report("Reading the file", 0, 0);
      const read = async (blob) => readArchive(new Uint8Array(await blob.arrayBuffer()), (done, total) => told("Unpacking", done, total));
      const files = await read(chosen);
      const [beside] = at("kept").files;
      const kept = beside ? await read(beside) : null;
      let open = null;
      const watch = async (steps, found) => {
        open = found;
        await report(`Step ${Math.min(steps.length + 1, STEPS.length)} of ${STEPS.length}: ${STEPS[steps.length] ?? "done"}`, 0, 0);
      };
      const during = (name, done, total) => told(`Step ${STEPS.indexOf(name) + 1} of ${STEPS.length}: ${name}`, done, total);
      const steps = await checkEvidence(files, trust, kept, watch, during);
      if (!isOld()) show(steps, open, trust);
    } catch (error) {
      if (error instanceof Stopped || isOld()) return;
      if (error instanceof NotEvidence) refuse(`This is not an evidence file: ${error.message}.`);
      else if (error instanceof Malformed) refuse(`What you typed cannot be read: ${error.message}.`);
      else refuse(`This page could not read the file (${error.name}: ${error.message}). Nothing was checked.`);
    } finally {
      if (!isOld()) bar.hidden = true;
    }
  }

  function refuse(words) {
    at("steps").replaceChildren();
    at("beside").textContent = "";
    conclude(words, "fails");
  }

  function conclude(words, state) {
    at("sentence").textContent = words;
    at("answer").className = state.replace(" ", "-");
    at("answer").hidden = false;
    at("steps-title").hidden = !at("steps").children.length;
    at("progress").textContent = "Done.";
    at("answer").focus({ preventScroll: true });
    at("answer").scrollIntoView({ block: "start" });
  }

  function show(steps, found, trust) {
    at("steps").replaceChildren(...steps.map(stepOnPage));
    const failed = steps.some((step) => step.state === "fails");
    at("beside").textContent = failed ? "" : besides(trust);
    if (steps.slice(0, 3).every((step) => step.state === "holds")) showCase(found);
    const whole = steps.every((step) => step.state === "holds" || step.name === "kept");
    conclude(answerOf(steps), failed ? "fails" : !whole ? "unchecked" : trust.collector ? "holds" : "fits");
  }

  function stepOnPage(step) {
    const item = element("li", "", step.state.replace(" ", "-"));
    item.value = step.no;
    const head = element("p");
    const sign = element("span", SIGNS[step.state], "sign");
    sign.setAttribute("aria-hidden", "true");
    head.append(sign, element("strong", `${step.no} ${step.name}`), " ", element("span", WORDS[step.state], "state"));
    item.append(head, element("p", step.detail, "detail"));
    return item;
  }

  function showCase(found) {
    let facts;
    try {
      facts = factsOf(readCase(found.member("case.json")), found);
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      return;
    }
    at("facts").replaceChildren(...facts.map(([term, ...values]) => {
      const pair = element("div");
      pair.append(element("dt", term), ...values.map((value) => element("dd", value)));
      return pair;
    }));
    at("summary").hidden = false;
  }

  function element(name, words = "", kind = "") {
    const made = page.createElement(name);
    made.textContent = words;
    if (kind) made.className = kind;
    return made;
  }
}

/** Another file or key was given meanwhile. */
class Stopped extends Error {}

/** The same report, but often enough for an eye and no oftener: each lets the page paint. */
function throttled(report) {
  let last = 0;
  return async (words, done, total) => {
    const now = performance.now();
    if (now - last < 60) return;
    last = now;
    await report(words, done, total);
  };
}

/** What the answer rests on that the reader has to know himself. */
function besides(trust) {
  const words = [];
  if (!trust.collector) words.push("You named no key of the collector: so far this only shows that everything in the file fits together. Compare the key in step 3 with what you were told elsewhere.");
  if (!trust.vkey) words.push("You named no key of its log: compare the log in step 12 too.");
  if (!trust.witnesses.length) words.push("No witness was asked for.");
  return words.join(" ");
}

/** What the case says, as [term, value, …]; `told` is case.json, over which the collector's signature holds. */
function factsOf(told, found) {
  const list = (value) => (Array.isArray(value) ? value.filter((one) => one instanceof Map) : []);
  const word = (value) => (typeof value === "string" ? value : "not said");
  const facts = [["Line", word(told.get("subscriber"))], ["As of", timeInWords(told.get("as_of_us"))]];
  const verdicts = list(told.get("verdicts")).map((one) => {
    const origin = one.get("provenance") === "imported" ? " (from imported, unsigned measurements)" : "";
    return `${VERDICTS[one.get("verdict")] ?? word(one.get("verdict"))}, by the rule ${word(one.get("criterion"))}${origin}`;
  });
  facts.push(["Verdict", ...(verdicts.length ? verdicts : ["none"])]);
  const counts = told.get("counts")?.get?.("signed");
  if (counts instanceof Map) {
    const named = ["ok", "failed", "aborted", "not_started", "missing_slots"].filter((name) => counts.has(name));
    facts.push(["Signed measurements", named.map((name) => `${String(counts.get(name))} ${name.replace("_", " ")}`).join(", ")]);
  }
  const devices = list(told.get("devices"));
  const device = (one) => `${word(one.get("dev")).slice(0, 16)}…, ${String(one.get("batches"))} batches, enrolled ${timeInWords(one.get("enrolled_us"))}`;
  facts.push(["Devices", ...some(devices.map(device))]);
  const complaints = list(told.get("complaints")).map((one) => `“${word(one.get("text"))}” (${timeInWords(one.get("received_us"))})`);
  facts.push(["Complaints", ...some(complaints)]);
  const spans = [...found.chains().values()].flat().flatMap((batch) => batch.records ?? []).map((record) => member(record, "wall_us")).filter(isInteger);
  if (spans.length) {
    const least = spans.reduce((one, other) => Math.min(one, other)), most = spans.reduce((one, other) => Math.max(one, other));
    facts.push(["Measured, by the devices’ clocks", `${timeInWords(least)} to ${timeInWords(most)}`]);
  }
  return facts;
}

const some = (values) => (values.length > MOST_SHOWN ? [...values.slice(0, MOST_SHOWN), `and ${values.length - MOST_SHOWN} more`] : values.length ? values : ["none"]);

function timeInWords(us) {
  const when = new Date(typeof us === "number" ? us / 1000 : NaN);
  return Number.isNaN(when.getTime()) ? "not said" : `${when.toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

function sizeInWords(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

if (globalThis.document) startPage(globalThis.document);
