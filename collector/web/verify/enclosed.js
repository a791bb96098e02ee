// The Sigstore bundles that an evidence file itself holds, for programs of others: each member below bundles/ must be, byte for
// byte, what the rest of the file makes it (collector/evidence/enclosed.py, sigstore.py, shared/bundle.py).

const BUNDLES = "bundles/";
const BUNDLES_ROOT = `${BUNDLES}trusted_root.json`;
const MOST_ROOT_BYTES = 1 << 16;
const ED25519_SPKI = unhex("302a300506032b6570032100"); // RFC 8410, section 4
const ANY_BYTES = new TextDecoder("latin1"); // each byte one character of its own, so that texts can be looked through
const ALWAYS = { start: "1970-01-01T00:00:00Z" };

/** Words about them, if there are any; throws Malformed naming the member that is something else. */
async function enclosedIn(found) {
  const names = found.names.filter((name) => name.startsWith(BUNDLES));
  if (!names.length) return "";
  const { checkpoint, bundled } = found.logged;
  const log = checkpoint && (await logKeyOf(found));
  if (!log) throw new Malformed(`${names[0]}: there is no log that has it`);
  const tokens = tokensOf(found.files), made = new Map();
  for (const [name, place] of bundled) {
    if (name.startsWith("batches/")) made.set(bundleOf(name), bundleText(found, name, place, log, tokens));
  }
  for (const [dev, key] of found.devices) made.set(`${BUNDLES}${dev}/key.pem`, pemOf(key.spki));
  for (const name of names) {
    if (name === BUNDLES_ROOT) checkRoot(found.files, log, tokens);
    else if (!made.has(name)) throw new Malformed(`${name}: of no batch that is here and in the log`);
    else if (!equalBytes(made.get(name), found.files.get(name))) throw new Malformed(`${name}: not what the batch, its proof and its key make it`);
  }
  const number = names.filter((name) => name.endsWith(".sigstore.json")).length;
  return number ? `; ${number} Sigstore bundles` : "";
}

/** The token of each file that has one of its own, whoever made it; throws Malformed. */
function tokensOf(files) {
  const data = files.get("log/tokens.ndjson") ?? new Uint8Array(), tokens = new Map();
  if (data.length && data.at(-1) !== 10) throw new Malformed("log/tokens.ndjson: its last line does not end");
  for (let at = 0, number = 1, end; (end = lineFeed(data, at)) >= 0; at = end + 1, number++) {
    try {
      const told = decode(data.subarray(at, end));
      tokens.set(text(told, "of"), b64Exact(member(told, "token")));
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      throw new Malformed(`log/tokens.ndjson: line ${number}: ${error.message}`);
    }
  }
  return tokens;
}

/** A batch's Sigstore bundle v0.3, spelt, with a line feed. */
function bundleText(found, name, { index, proof }, log, tokens) {
  const data = found.files.get(name), { checkpoint } = found.logged;
  const { payload, keyId, signature, identity } = readEnvelope(data.subarray(0, lineFeed(data)));
  const entry = {
    canonicalizedBody: b64(leafOf(identity, signature, found.devices.get(keyId).spki)),
    inclusionProof: {
      checkpoint: { envelope: textOf(found.files.get("log/checkpoint")) },
      hashes: proof.map(b64),
      logIndex: String(index),
      rootHash: b64(checkpoint.root),
      treeSize: String(checkpoint.size),
    },
    kindVersion: { kind: "hashedrekord", version: "0.0.2" },
    logId: { keyId: b64(log.wholeId) },
    logIndex: String(index),
  };
  const material = { publicKey: { hint: keyId }, tlogEntries: [entry] };
  const token = tokens.get(name);
  if (token) material.timestampVerificationData = { rfc3161Timestamps: [{ signedTimestamp: b64(token) }] };
  const dsseEnvelope = { payload: b64(payload), payloadType: PAYLOAD_TYPE, signatures: [{ keyid: keyId, sig: b64(signature) }] };
  return lineText({ dsseEnvelope, mediaType: BUNDLE_TYPE, verificationMaterial: material });
}

const lineText = (value) => joined(encode(value), Uint8Array.of(10));
const pemOf = (spki) => utf8(`-----BEGIN PUBLIC KEY-----\n${b64(spki).replace(/.{1,64}/g, "$&\n")}-----END PUBLIC KEY-----\n`);

/** Return only if the root of trust has this log, and no certificate that is not with the authority's or in a token. */
function checkRoot(files, log, tokens) {
  const data = files.get(BUNDLES_ROOT), chains = chainsIn(data, log);
  if (!chains) throw new Malformed(`${BUNDLES_ROOT}: not a root of trust with the log's key`);
  const told = ANY_BYTES.decode(files.get("log/tsa.pem") ?? new Uint8Array()).replace(/[ \t\n\r\v\f]+/g, "");
  const stamps = [...tokens.values()].map((token) => ANY_BYTES.decode(token));
  const isHere = (one) =>
    told.includes(`-----BEGINCERTIFICATE-----${b64(one)}-----ENDCERTIFICATE-----`) ||
    (one.length && stamps.some((token) => token.includes(ANY_BYTES.decode(one))));
  if (!chains.flat().every(isHere)) throw new Malformed(`${BUNDLES_ROOT}: a certificate that is in no time-stamp and not with the authority's`);
}

/** The chains of certificates in a root of trust; null if it is anything but one with this log and these. */
function chainsIn(data, log) {
  if (data.length > MOST_ROOT_BYTES) return null;
  try {
    const told = decode(lineOf(data));
    const chains = told.timestampAuthorities.map((one) => one.certChain.certificates.map(({ rawBytes }) => b64Exact(rawBytes)));
    return equalBytes(data, lineText(rootOf(log, chains))) ? chains : null;
  } catch (error) {
    if (error instanceof Malformed || error instanceof TypeError) return null;
    throw error;
  }
}

/** Sigstore's trusted root (v0.1) with one log, and an authority for each of these chains. */
function rootOf(log, chains) {
  const subject = { commonName: "as named by the collector", organization: "as named by the collector" };
  return {
    certificateAuthorities: [],
    ctlogs: [],
    mediaType: "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
    timestampAuthorities: chains.map((chain) => ({
      certChain: { certificates: chain.map((one) => ({ rawBytes: b64(one) })) },
      subject,
      uri: "https://tsa.invalid",
      validFor: ALWAYS,
    })),
    tlogs: [
      {
        baseUrl: `https://${log.name}`,
        hashAlgorithm: "SHA2_256",
        logId: { keyId: b64(log.wholeId) },
        publicKey: { keyDetails: "PKIX_ED25519", rawBytes: b64(joined(ED25519_SPKI, log.key)), validFor: ALWAYS },
      },
    ],
  };
}
