// What the tests ask of dpop, the client's half of RFC 9449, and of jose, which reads a proof by the key it brings.
import * as dpop from 'dpop'
import * as jose from 'jose'

const pairs = {}

export async function generate({ alg, name }) {
  pairs[name] = await dpop.generateKeyPair(alg)
  return dpop.calculateThumbprint(pairs[name].publicKey)
}

export const prove = ({ name, htu, htm, nonce, token }) =>
  dpop.generateProof(pairs[name], htu, htm, nonce ?? undefined, token ?? undefined)

export async function read({ proof, algs }) {
  const options = { typ: 'dpop+jwt', algorithms: algs, maxTokenAge: '60s' }
  const { payload, protectedHeader } = await jose.jwtVerify(proof, jose.EmbeddedJWK, options)
  return { payload, header: protectedHeader, jkt: await jose.calculateJwkThumbprint(protectedHeader.jwk) }
}
