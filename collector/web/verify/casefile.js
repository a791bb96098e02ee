// What the case says of what was signed: counts, verdicts by their rules, grades (collector/evidence/casefile.py, rules.py,
// grades.py). case.json is plain JSON, with null and fractions, but with one reading only: no key twice, no NaN, UTF-8.

const SIGNED_OF_VERDICT = ["criterion", "criterion_sha256", "provenance", "verdict", "version"];

/** The case as Maps; throws Malformed. */
function readCase(data) {
  const reader = new Reader(textOf(data), false);
  const told = reader.whole();
  if (!(told instanceof Map)) throw new Malformed("not a JSON object");
  if (reader.twin !== null) throw new Malformed(`a key twice: ${asciiOf(reader.twin)}`);
  if (hasLoneSurrogate(told)) throw new Malformed("a lone surrogate");
  return told;
}

/** Whether two values are equal to Python: true is 1, and 1 is 1.0. */
function isSame(one, other) {
  if (one instanceof Fraction) return isSame(one.value, other);
  if (other instanceof Fraction) return isSame(one, other.value);
  const isNumber = (value) => ["number", "bigint", "boolean"].includes(typeof value);
  if (isNumber(one) && isNumber(other)) return one == other; // exact between a number and a bigint, and true is 1
  if (Array.isArray(one) && Array.isArray(other)) return one.length === other.length && one.every((value, at) => isSame(value, other[at]));
  if (one instanceof Map && other instanceof Map) return one.size === other.size && [...one].every(([key, value]) => other.has(key) && isSame(value, other.get(key)));
  return one === other;
}

/** Values of the strict profile as the reader of case.json gives them. */
function asMaps(value) {
  if (Array.isArray(value)) return value.map(asMaps);
  return isObject(value) ? new Map(Object.keys(value).map((key) => [key, asMaps(value[key])])) : value;
}

/** Step "counts": the numbers in the case are those of the signed records. */
function countsIn(found) {
  const counted = new Map(ENDS.map((end) => [end, 0]));
  for (const batches of found.batches.values()) {
    for (const { records } of batches) {
      for (const record of records) {
        if (!UNCOUNTED.has(methodOf(record)) && endOf(record)) counted.set(endOf(record), counted.get(endOf(record)) + 1);
      }
    }
  }
  const data = found.member("case.json");
  let told;
  try {
    const counts = readCase(data).get("counts");
    if (!(counts instanceof Map) || !counts.has("signed")) throw new Malformed("no counts");
    told = counts.get("signed");
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    throw new Malformed("case.json holds no counts of signed records");
  }
  for (const [end, number] of counted) {
    if (!(told instanceof Map && told.has(end) && isSame(told.get(end), number))) {
      throw new Malformed(`case.json: the case says another number of ${end} than the ${number} in the batches`);
    }
  }
  return [...counted].map(([end, number]) => `${number} ${end}`).join(", ");
}

/** Step "criteria": the rules are those that the signed verdict names, and the case shows that verdict. */
function rulesIn(found) {
  const verdicts = found.verdict && member(found.verdict.predicate, "verdicts");
  if (!Array.isArray(verdicts)) throw new Malformed("the signed verdict names no rule");
  for (const verdict of verdicts) {
    const [name, digest] = isObject(verdict) ? [member(verdict, "criterion"), member(verdict, "criterion_sha256")] : [];
    if (typeof name !== "string" || typeof digest !== "string") throw new Malformed("a verdict without its rule");
    const file = `criteria/${name}.toml`;
    if (!found.files.has(file)) throw new Malformed(`${file}: not there`);
    if (sha256Hex(found.files.get(file)) !== digest) throw new Malformed(`${file}: not the rule the verdict names`);
  }
  if (!isSame(asMaps(verdicts), verdictsShown(found))) throw new Malformed("case.json: the verdicts shown are not the ones that were signed");
  const words = (value) => (value === undefined ? "None" : String(value));
  return verdicts.map((one) => `${one.criterion} (${words(member(one, "provenance"))}): ${words(member(one, "verdict"))}`).join("; ");
}

function verdictsShown(found) {
  try {
    const told = readCase(found.member("case.json")).get("verdicts");
    if (!Array.isArray(told)) throw new Malformed("no list");
    return told.map((verdict) => {
      if (!(verdict instanceof Map) || !SIGNED_OF_VERDICT.every((name) => verdict.has(name))) throw new Malformed("no verdict");
      return new Map(SIGNED_OF_VERDICT.map((name) => [name, verdict.get(name)]));
    });
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    throw new Malformed("case.json: no verdicts that can be read");
  }
}

/** The grades that the case says its records have, as `regrade` counts them; null if it has none; throws Malformed. */
function gradesTold(found) {
  let told;
  const data = found.member("case.json");
  try {
    told = readCase(data).get("grades");
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    throw new Malformed("case.json cannot be read");
  }
  if (told === undefined) return null;
  if (!Array.isArray(told)) throw new Malformed("case.json holds no grades that can be read");
  const counted = new Map();
  for (const one of told) {
    const [direction, grade, reason, n] = one instanceof Map ? ["direction", "grade", "reason", "n"].map((name) => one.get(name)) : [];
    const isCount = ["bigint", "boolean"].includes(typeof n) || Number.isInteger(n);
    if (typeof direction !== "string" || typeof grade !== "string" || !(reason === null || typeof reason === "string") || !isCount) {
      throw new Malformed("case.json holds a grade that cannot be read");
    }
    counted.set(JSON.stringify([direction, grade, reason]), n);
  }
  return counted;
}

/** Step "counter-signatures": every record has the grade that the case says. */
async function counterSignatures(found) {
  const peers = await peersIn(found);
  const line = await peersLine(found, peers.values());
  if (line) found.lines.set("peer", line);
  const graded = await regrade(found, peers);
  const told = gradesTold(found);
  if (told !== null && !isSame(told, graded)) {
    throw new Malformed(`case.json: the case says ${tallyInWords(told)}; found are ${tallyInWords(graded)}`);
  }
  const trusted = sorted([...peers.values()].map((key) => key.id)).join(", ") || "none";
  return `${tallyInWords(graded)}; peers' keys trusted by the collector: ${trusted}`;
}
