// What the tests ask of paseto-ts, which knows version 4 alone. Keys are PASERKs.
import * as v4 from 'paseto-ts/v4'
import { bytes } from './bytes.mjs'

const options = ({ footer = '', assertion = '' }) => ({ footer: bytes(footer), assertion: bytes(assertion) })
const read = ({ payload, footer }) => ({ claims: payload, footer })

export const sign = ({ key, claims, ...rest }) => v4.sign(key, claims, options(rest))
export const verify = ({ key, token, ...rest }) => read(v4.verify(key, token, options(rest)))
export const encrypt = ({ key, claims, ...rest }) => v4.encrypt(key, claims, options(rest))
export const decrypt = ({ key, token, ...rest }) => read(v4.decrypt(key, token, options(rest)))
export const generate = ({ purpose }) => v4.generateKeys(purpose)
