// The strict JSON profile of everything that is signed (FORMAT.md, section 2; shared/strictjson.py). What decides is short: the
// bytes equal their own re-encoding, and every value is one of the profile. Why they do not is found by a reader of our own,
// which takes what Python's takes (and so reads case.json, which is plain JSON, as well).

const MAX_DEPTH = 16;
const MOST_LEVELS_READ = 900; // deeper is refused before the browser's own stack is
const MOST_DIGITS = 4300; // what CPython reads of an integer

const member = (fields, name) => (Object.hasOwn(fields, name) ? fields[name] : undefined);
const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const isInteger = (value) => typeof value === "number";

/** Read one object from bytes that must be in the profile to the letter; throws Malformed. */
function decode(data) {
  const text = textOf(data);
  let value;
  try {
    value = JSON.parse(text);
    if (isObject(value) && spellStrictly(value, 1) === text) return value;
  } catch (error) {
    if (!(error instanceof Malformed || error instanceof SyntaxError || error instanceof RangeError)) throw error;
  }
  throw new Malformed(whyRefused(text));
}

/** The one spelling of a value; throws Malformed for what the profile does not have. */
function spellStrictly(value, depth) {
  if (typeof value === "number") {
    if (!Number.isSafeInteger(value)) throw new Malformed(Number.isInteger(value) ? "an integer beyond 2^53 - 1" : "a float");
    return String(value);
  }
  if (typeof value === "boolean") return String(value);
  if (typeof value === "string") {
    if (/\p{Surrogate}/u.test(value)) throw new Malformed("a lone surrogate");
    return JSON.stringify(value);
  }
  if (value === null) throw new Malformed("a null");
  if (typeof value === "bigint") throw new Malformed("an integer beyond 2^53 - 1");
  if (depth > MAX_DEPTH) throw new Malformed(`deeper than ${MAX_DEPTH} levels`);
  if (Array.isArray(value)) return `[${value.map((one) => spellStrictly(one, depth + 1)).join(",")}]`;
  const keys = Object.keys(value);
  if (!keys.every(isPlain)) throw new Malformed("a key that is not ASCII text");
  return `{${keys.sort().map((key) => `${JSON.stringify(key)}:${spellStrictly(value[key], depth + 1)}`).join(",")}}`;
}

const encode = (value) => utf8(spellStrictly(value, 1));

/** Why a text is refused, in the words and the order of Python's reader. */
function whyRefused(text) {
  try {
    const reader = new Reader(text, true);
    const value = reader.whole();
    if (!(value instanceof Map)) return "not a JSON object";
    checkInOrder(value, 1);
    if (hasLoneSurrogate(value)) return "a lone surrogate";
    if (reader.twin !== null) return `a key twice: ${asciiOf(reader.twin)}`;
    return "not in the one permitted spelling (order of keys, white space, escapes, or -0)";
  } catch (error) {
    if (error instanceof Malformed) return error.message;
    throw error;
  }
}

/** Refuse what the profile does not have, member after member as they stand. */
function checkInOrder(value, depth) {
  if (typeof value === "bigint" || (typeof value === "number" && !Number.isSafeInteger(value))) throw new Malformed("an integer beyond 2^53 - 1");
  if (value === null) throw new Malformed("a null");
  if (typeof value !== "object") return;
  if (depth > MAX_DEPTH) throw new Malformed(`deeper than ${MAX_DEPTH} levels`);
  if (Array.isArray(value)) return value.forEach((one) => checkInOrder(one, depth + 1));
  for (const [key, one] of value) {
    if (!isPlain(key)) throw new Malformed("a key that is not ASCII text");
    checkInOrder(one, depth + 1);
  }
}

function hasLoneSurrogate(value) {
  if (typeof value === "string") return /\p{Surrogate}/u.test(value);
  if (value instanceof Map) return [...value].some(([key, one]) => hasLoneSurrogate(key) || hasLoneSurrogate(one));
  return Array.isArray(value) && value.some(hasLoneSurrogate);
}

/** A text as Python's ascii() spells it, of at most 60 code points. */
function asciiOf(text) {
  const cut = [...text].slice(0, 60);
  const quote = cut.includes("'") && !cut.includes('"') ? '"' : "'";
  const named = { "\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\", [quote]: `\\${quote}` };
  const spelt = cut.map((one) => {
    const code = one.codePointAt(0);
    if (named[one]) return named[one];
    if (code >= 32 && code < 127) return one;
    const digits = code.toString(16);
    return code < 256 ? `\\x${digits.padStart(2, "0")}` : code < 65536 ? `\\u${digits.padStart(4, "0")}` : `\\U${digits.padStart(8, "0")}`;
  });
  return quote + spelt.join("") + quote;
}

function firstTwin(keys) {
  const counts = new Map();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return keys.find((key) => counts.get(key) > 1);
}

/** A number that was spelt with a point or an exponent. */
class Fraction {
  constructor(value) {
    this.value = value;
  }
}

/** JSON as Python's `json` reads it: objects as Maps, and the first key that stands twice in one. */
class Reader {
  constructor(text, isStrict) {
    Object.assign(this, { text, isStrict, at: 0, twin: null });
  }

  refuse(why) {
    throw new Malformed(`not JSON: ${why} (char ${this.at})`);
  }

  whole() {
    if (this.text.startsWith("\ufeff")) this.refuse("a byte order mark");
    this.space();
    const value = this.value(1);
    this.space();
    return this.at === this.text.length ? value : this.refuse("more than one value");
  }

  space() {
    while (this.at < this.text.length && " \t\n\r".includes(this.text[this.at])) this.at++;
  }

  value(depth) {
    if (depth > MOST_LEVELS_READ) throw new Malformed(`deeper than ${MAX_DEPTH} levels`);
    switch (this.text[this.at]) {
      case "{": return this.object(depth);
      case "[": return this.list(depth);
      case '"': return this.string();
    }
    for (const [word, value] of [["true", true], ["false", false], ["null", null]]) {
      if (this.text.startsWith(word, this.at)) return (this.at += word.length), value;
    }
    for (const word of ["NaN", "Infinity", "-Infinity"]) {
      if (this.text.startsWith(word, this.at)) throw new Malformed(`not a JSON number: ${word}`);
    }
    return this.number();
  }

  number() {
    const pattern = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?/y;
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text) ?? this.refuse("a value was expected");
    this.at += found[0].length;
    if (found[1] !== undefined || found[2] !== undefined) {
      if (this.isStrict) throw new Malformed(`a float: ${found[0].slice(0, 40)}`);
      return new Fraction(Number(found[0]));
    }
    if (found[0].replace("-", "").length > MOST_DIGITS) this.refuse("an integer of too many digits");
    const number = Number(found[0]);
    return Number.isSafeInteger(number) ? number + 0 : BigInt(found[0]);
  }

  string() {
    let text = "";
    for (this.at++; ; ) {
      const plain = /[^"\\\x00-\x1f]*/y;
      plain.lastIndex = this.at;
      const [run] = plain.exec(this.text);
      text += run;
      this.at += run.length;
      const mark = this.text[this.at++];
      if (mark === '"') return text;
      if (mark !== "\\") this.refuse("a text that does not end, or a control character in it");
      const escape = this.text[this.at++];
      const short = { '"': '"', "\\": "\\", "/": "/", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" }[escape];
      const digits = this.text.slice(this.at, this.at + 4);
      if (short !== undefined) text += short;
      else if (escape === "u" && /^[0-9A-Fa-f]{4}$/.test(digits)) (text += String.fromCharCode(parseInt(digits, 16))), (this.at += 4);
      else this.refuse("an escape that is none");
    }
  }

  list(depth) {
    const values = [];
    this.at++;
    this.space();
    if (this.text[this.at] === "]") return this.at++, values;
    for (;;) {
      values.push(this.value(depth + 1));
      this.space();
      const mark = this.text[this.at++];
      if (mark === "]") return values;
      if (mark !== ",") this.refuse("a comma was expected");
      this.space();
    }
  }

  object(depth) {
    const found = new Map(), keys = [];
    this.at++;
    this.space();
    if (this.text[this.at] === "}") return this.at++, found;
    for (;;) {
      if (this.text[this.at] !== '"') this.refuse("a key was expected");
      const key = this.string();
      this.space();
      if (this.text[this.at++] !== ":") this.refuse("a colon was expected");
      this.space();
      keys.push(key);
      found.set(key, this.value(depth + 1));
      this.space();
      const mark = this.text[this.at++];
      if (mark === "}") break;
      if (mark !== ",") this.refuse("a comma was expected");
      this.space();
    }
    if (found.size !== keys.length) this.twin ??= firstTwin(keys);
    return found;
  }
}
