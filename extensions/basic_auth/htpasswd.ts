// Lines of `name:password` as htpasswd writes them: the factory checks them at load, the authenticator of senders reads them.

/** What Node's own cryptography has no function for. */
const UNKNOWN: readonly (readonly [prefix: RegExp, name: string])[] = [
  [/^\$2[abxy]?\$/, 'bcrypt'],
  [/^\$apr1\$/, 'MD5 of Apache (apr1)'],
  [/^\$1\$/, 'MD5 of crypt'],
  [/^\$5\$/, 'SHA-256 of crypt'],
  [/^\$6\$/, 'SHA-512 of crypt'],
]
const SHA1_BYTES = 20

/** Each with its line, and never with what stands there. */
export function lineFaults(text: string): readonly string[] {
  return [...linesOf(text)].flatMap(({ number, name, password }) => {
    const fault = (message: string): readonly string[] => [`line ${number}: ${message}`]
    if (name === undefined || name === '' || password === '') return fault('accepted: name:password')
    const unknown = UNKNOWN.find(([prefix]) => prefix.test(password))
    if (unknown !== undefined) return fault(`${unknown[1]} cannot be checked here; accepted: {SHA}, {SSHA} or the password itself`)
    const hash = /^\{(S?SHA)\}(.*)$/.exec(password)
    if (hash === null) return []
    const { length } = Buffer.from(hash[2]!, 'base64')
    if (hash[1] === 'SHA' ? length !== SHA1_BYTES : length <= SHA1_BYTES)
      return fault(`this is no {${hash[1]}}: its hash has the wrong length`)
    return []
  })
}

/** Passwords as they stand, by name; of a name that comes twice, the first. */
export function passwordsOf(text: string): ReadonlyMap<string, string> {
  const passwords = new Map<string, string>()
  for (const { name, password } of linesOf(text)) if (name !== undefined && !passwords.has(name)) passwords.set(name, password)
  return passwords
}

function* linesOf(text: string): Iterable<{ readonly number: number; readonly name: string | undefined; readonly password: string }> {
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim()
    if (line === '' || line.startsWith('#')) continue
    const colon = line.indexOf(':')
    yield { number: index + 1, name: colon === -1 ? undefined : line.slice(0, colon), password: line.slice(colon + 1) }
  }
}
