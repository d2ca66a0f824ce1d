// Writes nextauth.json: session cookies made by the real libraries, for the
// tests of src/session. Run: npm ci && node generate.mjs
//
// Clock and randomness are fixed before the libraries load, so that the output
// is the same byte for byte until a library changes what it writes. The clock
// stands at NOW; what does not expire in a test's sense expires in 2100.

import crypto from "node:crypto"
import { readFileSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"

const NOW = 1_900_000_000 // 2030-03-17
const FAR = 4_102_444_800 // 2100-01-01

const RealDate = Date
globalThis.Date = class extends RealDate {
  constructor(...given) {
    super(...(given.length ? given : [NOW * 1000]))
  }
  static now() {
    return NOW * 1000
  }
}

let drawn = 0
function fill(target) {
  const bytes = new Uint8Array(target.buffer, target.byteOffset, target.byteLength)
  for (let i = 0; i < bytes.length; i += 32) {
    const block = crypto.createHash("sha256").update(`vectors ${drawn++}`).digest()
    bytes.set(block.subarray(0, bytes.length - i), i)
  }
  return target
}
function uuid() {
  const hex = Buffer.from(fill(new Uint8Array(16))).toString("hex")
  return hex.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12})$/, "$1-$2-4$3-a$4-$5")
}
crypto.randomFillSync = fill
crypto.randomUUID = uuid
globalThis.crypto.getRandomValues = fill
globalThis.crypto.randomUUID = uuid

const here = createRequire(import.meta.url)
const inV4 = createRequire(here.resolve("next-auth-4/jwt"))
const v4 = here("next-auth-4/jwt")
const v5 = await import("next-auth-5/jwt")
const jose4 = inV4("jose") // the jose of next-auth 4
const jose = await import("jose")
const { hkdf } = await import("@panva/hkdf")
// Not exported by the packages, but this is what cuts cookies into chunks.
const { SessionStore: ChunksV4 } = here("./node_modules/next-auth-4/core/lib/cookie.js")
const { SessionStore: ChunksV5 } = await import("./node_modules/@auth/core/lib/utils/cookie.js")

const version = (path) => JSON.parse(readFileSync(new URL(path, import.meta.url))).version
const V4 = `next-auth ${version("node_modules/next-auth-4/package.json")}`
const V5 = `next-auth ${version("node_modules/next-auth-5/package.json")}`
const JOSE = "jose, with the library's key"

const NAME4 = "next-auth.session-token"
const NAME5 = "authjs.session-token"
const SECRET = "nextauth-secret-for-tests-0123456789abcdef0123456789abcdef"
const OLDER = "an-older-secret-for-tests-fedcba9876543210fedcba9876543210"
const UNICODE = "pässwörd-für-tests-秘密の鍵-🔑"
const SID = "a01mlcZieTETrvY719V8NWYmFf52buB8JnLZl8Rj4xc"
const claims = { name: "alice", email: "alice@example.com", sub: "1", sid: SID }
const long = (size) => ({ ...claims, permissions: "p".repeat(size) })
const inSeconds = (seconds) => ({ maxAge: seconds })

const key4 = (secret) => hkdf("sha256", secret, "", "NextAuth.js Generated Encryption Key", 32)
const key5 = (secret, name, length) =>
  hkdf("sha256", secret, name, `Auth.js Generated Encryption Key (${name})`, length)
const thumbprint = (key) =>
  jose.calculateJwkThumbprint({ kty: "oct", k: jose.base64url.encode(key) }, `sha${key.length << 3}`)
const seal = (token, header, key, library = jose) =>
  new library.EncryptJWT(token).setProtectedHeader({ alg: "dir", ...header }).encrypt(key)

const vectors = []

// `id`: what the relay makes of the cookies with `secrets`; null: no session.
// `reads`: whether the library finds SID in them; given only where the relay
// is stricter, or knows more secrets.
async function add(title, made_by, { name, value, secrets = [SECRET], id = SID, reads }) {
  const generation = made_by === V4 ? 4 : made_by === V5 ? 5 : name.endsWith(NAME4) ? 4 : 5
  const Store = generation === 4 ? ChunksV4 : ChunksV5
  const store = new Store({ name, options: {} }, generation === 4 ? { cookies: {} } : {}, { debug() {} })
  const cookies = store.chunk(value, {}).map((cookie) => [cookie.name, cookie.value])
  const decoded = await (generation === 4
    ? v4.decode({ token: value, secret: secrets[0] })
    : v5.decode({ token: value, secret: secrets, salt: name })
  ).then((claims) => claims.sid === SID, () => false)
  if (decoded !== (reads ?? id !== null)) throw new Error(`${title}: the library disagrees`)
  vectors.push({ title, made_by, name, secrets, cookies, id })
}

const make4 = (token, more = {}) => v4.encode({ token, secret: SECRET, ...inSeconds(FAR - NOW), ...more })
const make5 = (token, more = {}) =>
  v5.encode({ token, secret: SECRET, salt: NAME5, ...inSeconds(FAR - NOW), ...more })

for (const [made_by, name, make] of [
  [V4, NAME4, make4],
  [V5, NAME5, make5],
]) {
  const of = (title) => `${made_by === V4 ? "v4" : "v5"}: ${title}`
  const secure = `__Secure-${name}`
  await add(of("plain name"), made_by, { name, value: await make(claims) })
  await add(of("secure name"), made_by, { name: secure, value: await make(claims, { salt: made_by === V4 ? "" : secure }) })
  await add(of("a name of one's own"), made_by, { name: "sid", value: await make(claims, { salt: made_by === V4 ? "" : "sid" }) })
  await add(of("the older of two secrets"), made_by, {
    name,
    value: await make(claims, { secret: OLDER }),
    secrets: [SECRET, OLDER],
    reads: made_by === V5, // next-auth 4 knows only one secret
  })
  await add(of("a secret that is not configured"), made_by, { name, value: await make(claims, { secret: OLDER }), id: null })
  await add(of("a secret beyond ASCII"), made_by, { name, value: await make(claims, { secret: UNICODE }), secrets: [UNICODE] })
  await add(of("claims beyond ASCII"), made_by, { name, value: await make({ ...claims, name: "Zoë \"Ω\" 愛 🦊\u0000" }) })
  await add(of("two chunks"), made_by, { name, value: await make(long(4000)) })
  await add(of("twelve chunks"), made_by, { name, value: await make(long(34_000)) })
  await add(of("chunks under the secure name"), made_by, {
    name: secure,
    value: await make(long(6000), { salt: made_by === V4 ? "" : secure }),
  })
  await add(of("expired 14 seconds ago"), made_by, { name, value: await make(claims, inSeconds(-14)) })
  await add(of("expired 15 seconds ago"), made_by, { name, value: await make(claims, inSeconds(-15)), id: null })
  await add(of("valid in 15 seconds"), made_by, { name, value: await make({ ...claims, nbf: NOW + 15 }) })
  await add(of("valid in 16 seconds"), made_by, { name, value: await make({ ...claims, nbf: NOW + 16 }), id: null })
  await add(of("no session id among the claims"), made_by, { name, value: await make({ sub: "1" }), id: null })
}

const gcm4 = { enc: "A256GCM" }
const cbc = { enc: "A256CBC-HS512" }
const own4 = await key4(SECRET)
const [own64, older64, own32] = [await key5(SECRET, NAME5, 64), await key5(OLDER, NAME5, 64), await key5(SECRET, NAME5, 32)]
const until = { ...claims, exp: FAR }

await add("v4: no exp", JOSE, { name: NAME4, value: await seal(claims, gcm4, own4) })
await add("v4: fractional exp", JOSE, { name: NAME4, value: await seal({ ...claims, exp: NOW - 14.5 }, gcm4, own4) })
await add("v4: exp is a string", JOSE, { name: NAME4, value: await seal({ ...claims, exp: `${FAR}` }, gcm4, own4), id: null })
await add("v4: compressed", JOSE, {
  name: NAME4,
  value: await seal(until, { ...gcm4, zip: "DEF" }, own4, jose4),
  id: null,
  reads: true,
})
await add("v4: A128CBC-HS256", JOSE, {
  name: NAME4,
  value: await seal(until, { enc: "A128CBC-HS256" }, own4),
  id: null,
  reads: true,
})
await add("v5: no exp", JOSE, { name: NAME5, value: await seal(claims, { ...cbc, kid: await thumbprint(own64) }, own64) })
await add("v5: no kid, the first secret", JOSE, { name: NAME5, value: await seal(until, cbc, own64), secrets: [SECRET, OLDER] })
await add("v5: no kid, the second secret", JOSE, {
  name: NAME5,
  value: await seal(until, cbc, older64),
  secrets: [SECRET, OLDER],
  id: null,
})
await add("v5: another key's kid", JOSE, {
  name: NAME5,
  value: await seal(until, { ...cbc, kid: await thumbprint(older64) }, own64),
  secrets: [SECRET, OLDER],
  id: null,
})
await add("v5 early beta: A256GCM, no kid", JOSE, { name: NAME5, value: await seal(until, gcm4, own32), secrets: [SECRET, OLDER] })
await add("v5 early beta: A256GCM, kid", JOSE, {
  name: NAME5,
  value: await seal(until, { ...gcm4, kid: await thumbprint(await key5(OLDER, NAME5, 32)) }, await key5(OLDER, NAME5, 32)),
  secrets: [SECRET, OLDER],
})

writeFileSync(new URL("nextauth.json", import.meta.url), JSON.stringify({ now: NOW, vectors }, null, 1) + "\n")
console.log(`nextauth.json: ${vectors.length} vectors`)
