// Bytes as they travel between the two processes.
export const text = (bytes) => Buffer.from(bytes).toString('base64url')
export const bytes = (text) => new Uint8Array(Buffer.from(text, 'base64url'))
