// The detector of International Bank Account Numbers (ISO 13616): the length of the country, and a remainder of one modulo 97.

import type { Detector, Finding } from './detector.ts'

/** The SWIFT registry's lengths by country, and those of countries that use the form without being registered. */
const LENGTHS: ReadonlyMap<string, number> = new Map(
  (
    'AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ES24 FI18 FK18 FO18 ' +
    'FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 ' +
    'MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 ' +
    'SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30 ' +
    'AO25 BF28 BJ28 CF27 CG27 CI28 CM27 CV25 DZ26 GA27 GQ27 GW25 IR26 KM27 MA28 MG27 ML28 MZ25 NE28 SN28 TD27 TG28'
  )
    .split(' ')
    .map((entry) => [entry.slice(0, 2), Number(entry.slice(2))]),
)

const BEGINNING = /[A-Za-z]{2}\d{2}/g
const WORD = /[\p{L}\p{N}]/u
const SEPARATOR = /[ \u00a0\u2007\u2009\u202f\u2010-\u2015-]/

export const iban: Detector = {
  name: 'iban',
  anchors: ['iban'],
  find(text) {
    const findings: Finding[] = []
    BEGINNING.lastIndex = 0
    for (let match = BEGINNING.exec(text); match !== null; match = BEGINNING.exec(text)) {
      const end = endOf(text, match.index)
      if (end >= 0) findings.push({ start: match.index, end })
      BEGINNING.lastIndex = end >= 0 ? end : match.index + 1
    }
    return findings
  },
}

/** Where the account number that starts here ends; -1 if there is none. */
function endOf(text: string, start: number): number {
  const length = LENGTHS.get(text.slice(start, start + 2).toUpperCase())
  if (length === undefined || (WORD.test(text[start - 1] ?? ' ') && !/iban$/i.test(text.slice(Math.max(0, start - 4), start)))) return -1
  let characters = ''
  let at = start
  for (; characters.length < length; at++) {
    const character = text[at] ?? ''
    if (/^[A-Za-z\d]$/.test(character)) characters += character
    else if (!SEPARATOR.test(character) || SEPARATOR.test(text[at - 1]!)) return -1
  }
  return WORD.test(text[at] ?? ' ') || !passesMod97(characters.toUpperCase()) ? -1 : at
}

/** The first four characters go to the end, letters count from A = 10: the whole number leaves 1. */
function passesMod97(characters: string): boolean {
  let rest = 0
  for (const character of characters.slice(4) + characters.slice(0, 4)) {
    const value = Number.parseInt(character, 36)
    rest = (rest * (value > 9 ? 100 : 10) + value) % 97
  }
  return rest === 1
}
