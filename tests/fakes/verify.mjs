// The scripts of verify.html under Node: a question a line (JSON), an answer a line.
import { createInterface } from "node:readline";
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const page = await import(pathToFileURL(process.argv[2]).href);
const { NotEvidence, Malformed, Refused } = page;
const bytes = (text) => new Uint8Array(Buffer.from(text, "base64"));
const told = (error) => {
  if (error instanceof page.BadDeflate) return { malformed: error.message };
  if (error instanceof NotEvidence) return { notEvidence: error.message };
  if (error instanceof Refused) return { refused: error.message, step: error.step, error: error.error };
  if (error instanceof Malformed) return { malformed: error.message };
  return { crashed: String(error.stack) };
};
const NO_TRUST = { collector: null, vkey: null, witnesses: [], quorum: 1 };
const asks = {
  sha256: ({ data }) => page.sha256Hex(bytes(data)),
  decode: ({ data }) => Buffer.from(page.encode(page.decode(bytes(data)))).toString("base64"),
  b64: ({ text }) => Buffer.from(page.b64Exact(text)).toString("base64"),
  text: ({ data }) => page.textOf(bytes(data)),
  case: ({ data }) => (page.readCase(bytes(data)), "read"),
  sorted: ({ texts }) => page.sorted(texts),
  envelope: ({ data }) => page.readEnvelope(bytes(data)).identity,
  verify: async ({ spki, sig, message }) => (await page.verifyDer(await page.keyFromSpki(bytes(spki)), bytes(sig), bytes(message)), "fits"),
  pem: async ({ data }) => (await page.keyFromPem(bytes(data))).id,
  vkey: ({ text }) => page.noteKeyOf(text).name,
  checkpoint: async ({ data, vkey, witnesses }) => {
    const { origin, size, root, cosigned } = await page.openCheckpoint(bytes(data), page.noteKeyOf(vkey), witnesses.map(page.noteKeyOf));
    return [origin, size, page.hex(root), [...cosigned].map(([name, timeS]) => [name, Number(timeS)])];
  },
  inclusion: ({ leaf, index, size, proof, root }) => (page.checkInclusion(bytes(leaf), index, size, proof.map(bytes), bytes(root)), "in"),
  consistency: ({ old, size, proof, oldRoot, root }) => (page.checkConsistency(old, size, proof.map(bytes), bytes(oldRoot), bytes(root)), "in"),
  favour: async ({ records }) => {
    const rows = await page.favoursOf(records.map((record) => page.readRecord(bytes(record))), { step: async () => {} });
    return rows.map((row) => [row.favoured, page.favourInWords(row)]);
  },
  rate: ({ record }) => String(page.rateBps(page.readRecord(bytes(record)))),
  fixed: ({ value, digits }) => page.fixed(value, digits),
  bundle: async ({ data, spki, vkey }) => (await page.checkBundle(page.readBundle(bytes(data)), await page.keyFromSpki(bytes(spki)), page.noteKeyOf(vkey)), "in"),
  batch: async ({ data, keys, head }) => {
    const ring = new Map();
    for (const spki of keys) {
      const key = await page.keyFromSpki(bytes(spki));
      ring.set(key.id, key);
    }
    const opened = await page.openBatch(bytes(data), (keyId) => {
      if (!ring.has(keyId)) throw new Refused(3, "unknown_key", "nobody enrolled this key");
      return ring.get(keyId);
    });
    if (head && head.identity !== opened.identity) page.follow(head, opened.said, opened.identity);
    return opened.identity;
  },
  grade: async ({ record, dev, peers }) => {
    const trusted = new Map();
    for (const spki of peers) {
      const key = await page.keyFromSpki(bytes(spki));
      trusted.set(key.id.slice(0, 16), key);
    }
    const found = await page.gradeOf(page.readRecord(bytes(record)), dev, trusted);
    return found && [found.grade, found.reason, found.session];
  },
  steps: async () => ({ steps: page.STEPS, checks: Object.keys(page.CHECKS), unknown: await page.oneStep(null, "of a later version", null) }),
  answer: ({ steps }) => page.answerOf(steps),
  trust: (typed) => page.trustOf(typed),
  inflate: ({ data, size }) => page.sha256Hex(page.inflate(bytes(data), size)),
  zip: async ({ data }) => Object.fromEntries([...(await page.readArchive(bytes(data)))].map(([name, member]) => [name, page.sha256Hex(member)])),
  check: async ({ data, trust, kept, file, files }) => {
    const began = performance.now();
    const read = files
      ? new Map(Object.entries(files).map(([name, member]) => [name, bytes(member)]))
      : await page.readArchive(file ? new Uint8Array(readFileSync(file)) : bytes(data));
    const unpackedMs = performance.now() - began;
    const beside = kept ? new Map(Object.entries(kept).map(([name, member]) => [name, bytes(member)])) : null;
    const steps = await page.checkEvidence(read, trust ?? NO_TRUST, beside);
    return { steps, answer: page.answerOf(steps), ms: performance.now() - began, unpackedMs };
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { ask, ...what } = JSON.parse(line);
  let answer;
  try {
    answer = { ok: await asks[ask](what) };
  } catch (error) {
    answer = told(error);
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
