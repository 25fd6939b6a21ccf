// node --import ./still.mjs program.mjs: the program's clock stands still at WATCHWORD_NOW, in seconds since 1970.
import { webcrypto } from 'node:crypto'

const now = Number(process.env.WATCHWORD_NOW) * 1000

globalThis.Date = class extends Date {
  constructor(...given) {
    super(...(given.length ? given : [now]))
  }

  static now() {
    return now
  }
}

// Node 18 has the Web Crypto API, but not under the names that libraries look for.
globalThis.crypto ??= webcrypto
globalThis.CryptoKey ??= webcrypto.CryptoKey
