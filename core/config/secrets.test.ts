import * as fc from 'fast-check'
import t from 'tap'
import { around, loadText } from './fixtures/loading.ts'
import { redactor } from './secrets.ts'

t.test('every secret of a file is known, also from the environment and below a secret section', async (t) => {
  const lines = `  otlp_http:
    endpoint: "http://a"
    headers: { authorization: "\${env:TOKEN}", other: plain-secret }
    token: "12345678"
    auth: { password: deep }`
  const { secrets } = await loadText(around(lines), { TOKEN: 'Bearer 0123' })
  t.same([...secrets].sort(), ['12345678', 'Bearer 0123', 'deep', 'plain-secret'])
})

t.test('a secret is found plain, in a URL, in JSON, and in base64 behind anything', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.string({ minLength: 6, maxLength: 40, unit: 'binary' }),
      fc.string({ maxLength: 10 }),
      fc.string({ maxLength: 10 }),
      async (secret, before, behind) => {
        const redact = redactor([secret])
        const whole = Buffer.from(`${before}${secret}${behind}`)
        const base64 = Buffer.from(secret).toString('base64').replaceAll('=', '')
        return (
          redact(`${before}${secret}${behind}`).includes('***') &&
          redact(`?x=${encodeURIComponent(secret.toWellFormed())}`).includes('***') &&
          redact(JSON.stringify({ secret })).includes('***') &&
          [whole.toString('base64'), whole.toString('base64url')].every((text) => {
            const left = redact(text)
            return left.includes('***') && (base64.length < 12 || !left.includes(base64.slice(2, -2)))
          })
        )
      },
    ),
  )
})

t.test('what is too short to be a secret is left, and so is everything else', async (t) => {
  const redact = redactor(['abc', '', 'swordfish'])
  t.equal(redact('abc: swordfis_h, fish'), 'abc: swordfis_h, fish')
  t.equal(redact('swordfish-swordfish'), '***-***')
  t.equal(redactor([])('anything'), 'anything')
  t.equal(redactor(['secret', 'secret-and-more'])('a secret-and-more'), 'a ***')
})
