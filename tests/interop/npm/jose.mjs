// What the tests ask of jose. Keys are JWKs, `header` is the protected header.
import * as jose from 'jose'
import { bytes, text } from './bytes.mjs'

export async function sign({ jwk, header, payload }) {
  return new jose.CompactSign(bytes(payload)).setProtectedHeader(header).sign(await jose.importJWK(jwk, header.alg))
}

export async function verify({ jwk, token, alg }) {
  const found = await jose.compactVerify(token, await jose.importJWK(jwk, alg), { algorithms: [alg] })
  return text(found.payload)
}

// RFC 7797: the payload travels beside the token, encoded or as it is.
export async function signDetached({ jwk, header, payload }) {
  const signer = new jose.FlattenedSign(bytes(payload)).setProtectedHeader(header)
  const made = await signer.sign(await jose.importJWK(jwk, header.alg))
  return `${made.protected}..${made.signature}`
}

export async function verifyDetached({ jwk, token, alg, payload, b64 }) {
  const [head, , signature] = token.split('.')
  const jws = { protected: head, signature, payload: b64 ? payload : bytes(payload) }
  const found = await jose.flattenedVerify(jws, await jose.importJWK(jwk, alg), { algorithms: [alg] })
  return text(found.payload)
}

export async function encrypt({ jwk, header, payload, p2c }) {
  const sealer = new jose.CompactEncrypt(bytes(payload)).setProtectedHeader(header)
  if (p2c) sealer.setKeyManagementParameters({ p2c })
  return sealer.encrypt(await jose.importJWK(jwk, header.alg))
}

export async function decrypt({ jwk, token, alg, enc }) {
  const options = { keyManagementAlgorithms: [alg], contentEncryptionAlgorithms: [enc], maxPBES2Count: 1_000_000 }
  const found = await jose.compactDecrypt(token, await jose.importJWK(jwk, alg), options)
  return text(found.plaintext)
}

// An access token as an API reads it: the key by its kid from the published set, and all that must agree.
export async function access({ jwks, token, ...options }) {
  return (await jose.jwtVerify(token, jose.createLocalJWKSet(jwks), options)).payload
}

export async function generate({ alg, crv }) {
  const pair = await jose.generateKeyPair(alg, { crv, extractable: true })
  return { private: await jose.exportJWK(pair.privateKey), public: await jose.exportJWK(pair.publicKey) }
}

export const knows = ({ alg }) => jose.generateKeyPair(alg).then(() => true, () => false)

export async function thumbprints({ jwk }) {
  return [await jose.calculateJwkThumbprint(jwk), await jose.calculateJwkThumbprintUri(jwk)]
}

export async function pem({ jwk, alg }) {
  const key = await jose.importJWK(jwk, alg, { extractable: true })
  return key.type === 'private' ? jose.exportPKCS8(key) : jose.exportSPKI(key)
}
