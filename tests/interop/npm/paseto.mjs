// What the tests ask of paseto. Keys are PASERKs; `version` and `purpose` choose the part of the library, and a verb that
// is built of some of its capabilities is there for the versions that have them.
import { LocalProtocol, PublicProtocol } from 'paseto'
import { bytes, text } from './bytes.mjs'

const parts = {}
for (const version of [1, 2, 3, 4]) {
  for (const purpose of ['local', 'public']) parts[`${version}.${purpose}`] = await import(`paseto/v${version}/${purpose}`)
}

function capable({ version, purpose }, ...names) {
  const part = parts[`${version}.${purpose}`]
  const protocol = purpose === 'local' ? LocalProtocol : PublicProtocol
  return new protocol(...names.map((name) => part[`${name}Factory`]))
}

const options = ({ footer = '', assertion = '', ...rest }) => ({
  footer: bytes(footer),
  ...(assertion && { implicitAssertion: bytes(assertion) }),
  ...rest,
})
const read = ({ claims, footer }) => ({ claims, footer: text(footer) })
const extractable = { extractable: true }

export async function encrypt({ version, key, claims, ...rest }) {
  const part = capable({ version, purpose: 'local' }, 'ImportKey', 'Encrypt')
  return part.Encrypt(await part.ImportKey(key), claims, options(rest))
}

export async function decrypt({ version, key, token, ...rest }) {
  const part = capable({ version, purpose: 'local' }, 'ImportKey', 'Decrypt')
  return read(await part.Decrypt(await part.ImportKey(key), token, options(rest)))
}

export async function sign({ version, key, claims, ...rest }) {
  const part = capable({ version, purpose: 'public' }, 'ImportSecretKey', 'Sign')
  return part.Sign(await part.ImportSecretKey(key), claims, options(rest))
}

export async function verify({ version, key, token, ...rest }) {
  const part = capable({ version, purpose: 'public' }, 'ImportPublicKey', 'Verify')
  return read(await part.Verify(await part.ImportPublicKey(key), token, options(rest)))
}

export async function generate({ version, purpose }) {
  if (purpose === 'local') {
    const part = capable({ version, purpose }, 'GenerateKey', 'ExportKey')
    return part.ExportKey(await part.GenerateKey(extractable))
  }
  const part = capable({ version, purpose }, 'GenerateKeyPair', 'ExportPublicKey', 'ExportSecretKey')
  const { publicKey, secretKey } = await part.GenerateKeyPair(extractable)
  return { public: await part.ExportPublicKey(publicKey), secret: await part.ExportSecretKey(secretKey) }
}

// The id of any PASERK: its own type says which of the three.
export async function id({ version, paserk }) {
  const type = paserk.split('.')[1]
  if (type === 'local') return capable({ version, purpose: 'local' }, 'KeyID').KeyID(paserk)
  const part = capable({ version, purpose: 'public' }, 'PublicKeyID', 'SecretKeyID')
  return type === 'public' ? part.PublicKeyID(paserk) : part.SecretKeyID(paserk)
}

// The words of the library differ by purpose: a local key, or the secret key of a pair.
const words = (purpose) => (purpose === 'local' ? 'Key' : 'SecretKey')

export async function wrap({ version, purpose, key, lock, password, iterations }) {
  const word = words(purpose)
  const how = lock ? `Wrap${word}` : `Wrap${word}WithPassword`
  const part = capable({ version, purpose }, `Import${word}`, 'ImportWrappingKey', how)
  const material = await part[`Import${word}`](key, extractable)
  return lock
    ? part[how](material, await part.ImportWrappingKey(bytes(lock)))
    : part[how](material, bytes(password), { iterations })
}

export async function unwrap({ version, purpose, paserk, lock, password }) {
  const word = words(purpose)
  const how = lock ? `Unwrap${word}` : `Unwrap${word}WithPassword`
  const part = capable({ version, purpose }, `Export${word}`, 'ImportWrappingKey', how)
  const found = lock
    ? await part[how](paserk, await part.ImportWrappingKey(bytes(lock)), extractable)
    : await part[how](paserk, bytes(password), extractable)
  return part[`Export${word}`](found)
}

export async function seal({ version, key, recipient }) {
  const part = capable({ version, purpose: 'local' }, 'ImportKey', 'ImportSealingPublicKey', 'SealKey')
  return part.SealKey(await part.ImportKey(key, extractable), await part.ImportSealingPublicKey(bytes(recipient)))
}

export async function unseal({ version, paserk, recipient }) {
  const part = capable({ version, purpose: 'local' }, 'ExportKey', 'ImportSealingSecretKey', 'UnsealKey')
  return part.ExportKey(await part.UnsealKey(paserk, await part.ImportSealingSecretKey(bytes(recipient)), extractable))
}
