// The bench's own protobuf writer: just enough for `body.ts`, and apart from core, so that a fault in core cannot hide itself.

export function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128)
  bytes.push(rest)
  return Buffer.from(bytes)
}

/** A length-delimited field. */
export function field(number: number, ...parts: readonly (string | Uint8Array)[]): Buffer {
  const payload = Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)))
  return Buffer.concat([varint(number * 8 + 2), varint(payload.length), payload])
}

export function varintField(number: number, value: number): Buffer {
  return Buffer.concat([varint(number * 8), varint(value)])
}

export function fixed64Field(number: number, value: bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(value)
  return Buffer.concat([varint(number * 8 + 1), bytes])
}

/** A KeyValue in the given field of its owner. */
export function attribute(number: number, key: string, value: string | number | boolean): Buffer {
  return field(number, field(1, key), field(2, anyValue(value)))
}

function anyValue(value: string | number | boolean): Buffer {
  if (typeof value === 'string') return field(1, value)
  return typeof value === 'boolean' ? varintField(2, Number(value)) : varintField(3, value)
}
