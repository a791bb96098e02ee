// Says of each bundle what Sigstore's own verifier says; stdin: {"root", "keys": {hint: SPKI base64}, "bundles", "stamps": how many it asks for, or 1}, stdout: a list of texts.
import { bundleFromJSON } from '@sigstore/bundle';
import { toSignedEntity, toTrustMaterial, Verifier } from '@sigstore/verify';
import { TrustedRoot } from '@sigstore/protobuf-specs';
import { createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
const asked = JSON.parse(readFileSync(0, 'utf8'));
const keys = (hint) => {
  const spki = asked.keys[hint];
  if (!spki) throw new Error('unknown key ' + hint);
  return { publicKey: createPublicKey({ key: Buffer.from(spki, 'base64'), format: 'der', type: 'spki' }), validFor: () => true };
};
const material = toTrustMaterial(TrustedRoot.fromJSON(asked.root), keys);
const verifier = new Verifier(material, { tlogThreshold: 1, timestampThreshold: asked.stamps ?? 1, ctlogThreshold: 0 });
const found = asked.bundles.map((one) => {
  try { verifier.verify(toSignedEntity(bundleFromJSON(one))); return 'ok'; } catch (error) { return `${error.code ?? error.name}: ${error.message}`; }
});
process.stdout.write(JSON.stringify(found));
