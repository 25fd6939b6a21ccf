// Reads one request a line, {"library": "jose", "verb": "sign", ...}, and answers each with one line: {"is": ...} or
// {"refused": the library's own error code}. Bytes travel as base64url.
import { createInterface } from 'node:readline'

const libraries = {
  dpop: await import('./dpop.mjs'),
  jose: await import('./jose.mjs'),
  paseto: await import('./paseto.mjs'),
  'paseto-ts': await import('./paseto-ts.mjs'),
}

async function answer({ library, verb, ...rest }) {
  try {
    return { is: await libraries[library][verb](rest) }
  } catch (error) {
    return { refused: typeof error.code === 'string' ? error.code : error.name, why: error.message }
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await answer(JSON.parse(line))))
}
