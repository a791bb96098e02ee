// Batches and their chain (FORMAT.md, sections 4 and 5; shared/batch.py, shared/chain.py, shared/record.py).

const MAX_BODY_BYTES = 4 * 1024 * 1024;
const MAX_RECORD_BYTES = 64 * 1024;
const MAX_RECORDS = 4096;
const RECORDS_SUBJECT = "records.ndjson";
const ENDS = ["ok", "failed", "aborted", "not_started"];
const UNCOUNTED = new Set(["presence", "mark", "episode", "campaign", "reach"]);

/** A batch that must not be taken; names the step of FORMAT.md, section 5, that failed. */
class Refused extends Error {
  constructor(step, error, detail) {
    super(`step ${step}, ${error}: ${detail}`);
    Object.assign(this, { step, error });
  }
}

/** What `read` gives, its Malformed made a Refused of this step. */
async function refusing(step, error, read, prefix = "") {
  try {
    return await read();
  } catch (why) {
    if (!(why instanceof Malformed)) throw why;
    throw new Refused(step, error, prefix + why.message);
  }
}

/** Steps 2 to 8. `keyOf` gives the key of an id or throws. Gives {envelope, said, records, identity}. */
async function openBatch(body, keyOf) {
  if (body.length > MAX_BODY_BYTES) throw new Refused(1, "too_large", `a body of more than ${MAX_BODY_BYTES} bytes`);
  const end = lineFeed(body);
  if (end < 0) throw new Refused(2, "bad_format", "no line feed after the envelope");
  const rest = body.subarray(end + 1);
  const envelope = await refusing(2, "bad_format", () => readEnvelope(body.subarray(0, end)));
  const key = keyOf(envelope.keyId); // 3
  const payload = await refusing(4, "bad_signature", () => verifiedBy(envelope, key));
  const fields = await refusing(5, "bad_format", () => decode(payload), "the statement is ");
  const [said, digest] = await refusing(5, "bad_statement", () => saidOf(fields, key));
  if (sha256Hex(rest) !== digest) throw new Refused(6, "bad_digest", "the records are not the ones that were signed");
  const records = readRecords(rest); // 7
  checkCounts(said, records); // 8
  return { envelope, said, records, identity: envelope.identity };
}

function saidOf(fields, key) {
  const told = statementOf(fields, "batch/v1");
  const said = readBatchStatement(told.predicate);
  if (told.name !== RECORDS_SUBJECT) throw new Malformed(`the subject is not ${RECORDS_SUBJECT}`);
  if (said.dev !== key.id) throw new Malformed("dev is not the id of the key that signed");
  return [said, told.digest];
}

/** The members of a batch/v1 predicate; throws Malformed. */
function readBatchStatement(predicate) {
  const seq = member(predicate, "seq");
  if (!Array.isArray(seq) || seq.length !== 2 || !seq.every(isInteger) || !(0 <= seq[0] && seq[0] <= seq[1])) {
    throw new Malformed("seq is not [first, last]");
  }
  text(predicate, "agent");
  const batch = integer(predicate, "batch");
  text(predicate, "boot");
  const dev = sha256In(predicate, "dev"), prev = sha256In(predicate, "prev");
  const n = integer(predicate, "n", 1), lost = integer(predicate, "lost");
  integer(predicate, "sealed_mono_us");
  integer(predicate, "sealed_wall_us");
  return { batch, dev, prev, firstSeq: seq[0], lastSeq: seq[1], n, lost, predicate };
}

function readRecords(rest) {
  if (!rest.length || rest[rest.length - 1] !== 10) throw new Refused(7, "bad_format", "the last record does not end in a line feed");
  const lines = [];
  for (let at = 0; at < rest.length; ) {
    const end = lineFeed(rest, at);
    lines.push(rest.subarray(at, end));
    at = end + 1;
  }
  if (lines.length > MAX_RECORDS) throw new Refused(7, "bad_format", `more than ${MAX_RECORDS} records`);
  return lines.map((line, at) => {
    try {
      return readRecord(line);
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      throw new Refused(7, "bad_format", `record ${at + 1}: ${error.message}`);
    }
  });
}

/** The members of one record line; throws Malformed. */
function readRecord(line) {
  if (line.length > MAX_RECORD_BYTES) throw new Malformed(`a record of more than ${MAX_RECORD_BYTES} bytes`);
  const fields = decode(line);
  const seq = member(fields, "seq");
  if (!isInteger(seq) || seq < 0) throw new Malformed("a record without its sequence number");
  return fields;
}

function checkCounts(said, records) {
  const refuse = (why) => {
    throw new Refused(8, "bad_statement", why);
  };
  if (said.n !== records.length) refuse(`n says ${said.n} records, there are ${records.length}`);
  if (BigInt(said.lastSeq) - BigInt(said.firstSeq) + 1n !== BigInt(said.n) + BigInt(said.lost)) refuse("seq does not span the records and the lost ones");
  const numbers = records.map((record) => record.seq);
  if (numbers.some((number, at) => at && number <= numbers[at - 1])) refuse("sequence numbers do not rise");
  if (numbers[0] < said.firstSeq || numbers.at(-1) > said.lastSeq) refuse("a sequence number outside seq");
}

const CHAIN_START = { batch: 0, seq: 0, identity: "0".repeat(64) };

/** The head of a chain after this batch (steps 11 to 13); throws Refused. */
function follow(head, said, identity) {
  if (said.batch < head.batch) throw new Refused(11, "chain_fork", `another batch ${said.batch} was accepted before`);
  if (said.batch > head.batch) throw new Refused(11, "chain_gap", `batch ${head.batch} is missing before batch ${said.batch}`);
  if (said.prev !== head.identity) throw new Refused(12, "chain_fork", "prev is not the batch before");
  if (said.firstSeq !== head.seq) throw new Refused(13, "chain_gap", `sequence number ${head.seq} was expected, not ${said.firstSeq}`);
  return { batch: said.batch + 1, seq: said.lastSeq + 1, identity };
}

const endOf = (record) => (ENDS.includes(member(record, "end")) ? record.end : null);
const methodOf = (record) => (typeof member(record, "method") === "string" ? record.method : "");
